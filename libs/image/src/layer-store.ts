import * as fs from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno, Limiter, Refused } from '../../base/src/index.js';
import type { ContentSource, FetchedLayer } from './content-source.js';
import { decompressed } from './decompress.js';
import { chainIds, hexOf, verified } from './digest.js';
import { exists, withScratch } from './disk.js';
import type { LayerNotes } from './layer-notes.js';
import type { Descriptor } from './manifest.js';
import { SharedJobs } from './shared-jobs.js';
import type { UnpackLimits } from './unpack.js';
import { unpackLayer } from './unpack.js';

export interface WantedLayer {
  descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  diffId: string;
}

export interface LayerEvents {
  onBytes: (index: number, total: number) => void;
  onDone: (index: number) => void;
}

interface LayerJob {
  layers: WantedLayer[];
  chain: string[];
  source: ContentSource;
  events: LayerEvents;
}

/**
 * Unpacked layers: `<dir>/<chain id>/` for overlayfs and `<dir>/<chain id>.json` about it (`LayerNotes`). A layer is either complete
 * and verified under its name, or not there: it is made in the scratch directory and renamed at the end.
 */
export class LayerStore {
  readonly #jobs = new SharedJobs<string[]>();
  readonly #fetching: Limiter;

  constructor(
    readonly dir: string,
    readonly scratchDir: string,
    readonly notes: LayerNotes,
    readonly limits: UnpackLimits,
    parallelFetches: number,
  ) {
    this.#fetching = new Limiter(parallelFetches);
  }

  path(chainId: string): string {
    return join(this.dir, hexOf(chainId));
  }

  /** The directories of all layers, topmost last, or `undefined` when one is missing. */
  async find(diffIds: string[]): Promise<string[] | undefined> {
    const dirs = chainIds(diffIds).map((chainId) => this.path(chainId));
    for (const dir of dirs) if (!(await exists(dir))) return undefined;
    return dirs;
  }

  async sizeBytes(diffIds: string[]): Promise<number> {
    let sum = 0;
    for (const chainId of chainIds(diffIds)) sum += (await this.notes.read(hexOf(chainId)))?.bytes ?? 0;
    return sum;
  }

  /** Fetches and unpacks what is missing; a layer that others are just making is waited for. */
  async ensure(layers: WantedLayer[], source: ContentSource, events: LayerEvents, signal: AbortSignal): Promise<string[]> {
    const job: LayerJob = { layers, chain: chainIds(layers.map((layer) => layer.diffId)), source, events };
    return layers.length === 0 ? [] : this.#ensureUpTo(job, layers.length - 1, signal);
  }

  /** Layers 0 to `index`. Fetching goes on side by side; unpacking waits for the layer below. */
  async #ensureUpTo(job: LayerJob, index: number, signal: AbortSignal): Promise<string[]> {
    const chainId = job.chain[index]!;
    const dirs = await this.#jobs.run(chainId, signal, async (shared) => {
      const stop = new AbortController();
      const either = AbortSignal.any([shared, stop.signal]);
      const below = index === 0 ? Promise.resolve([]) : this.#ensureUpTo(job, index - 1, either);
      const made = this.#make(job, index, below, either);
      try {
        const [belowDirs] = await Promise.all([below, made]);
        return [...belowDirs, this.path(chainId)];
      } catch (error) {
        stop.abort(error);
        await Promise.allSettled([below, made]); // whoever gets this failure finds nothing half done
        throw error;
      }
    });
    job.events.onDone(index);
    return dirs;
  }

  async #make(job: LayerJob, index: number, below: Promise<string[]>, signal: AbortSignal): Promise<void> {
    const path = this.path(job.chain[index]!);
    if (await exists(path)) return;
    const { descriptor, diffId } = job.layers[index]!;
    const fetched = await this.#fetching.run(() => {
      signal.throwIfAborted();
      return job.source.layer(descriptor, signal, (total) => job.events.onBytes(index, total));
    });
    try {
      const parentDirs = await below;
      await this.#unpack(fetched, diffId, path, parentDirs, signal);
    } finally {
      await fetched.discard();
    }
  }

  async #unpack(fetched: FetchedLayer, diffId: string, path: string, parentDirs: string[], signal: AbortSignal): Promise<void> {
    await withScratch(this.scratchDir, async (scratch) => {
      await fs.mkdir(scratch);
      const tar = verified(decompressed(fetched.open()), { digest: diffId }, `layer ${diffId}`);
      const unpacked = await unpackLayer(tar, scratch, { parentDirs, limits: this.limits, signal });
      await this.notes.write(basename(path), { diffId, ...unpacked });
      await fs.rename(scratch, path).catch((error: unknown) => {
        if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error; // another process was faster with the same content
      });
      this.notes.added(basename(path));
    });
  }
}

/** Pairs a manifest's layers with the config's diff ids. Throws `Refused('invalid')` unless there are equally many. */
export function pairLayers(descriptors: Descriptor[], diffIds: string[]): WantedLayer[] {
  if (descriptors.length !== diffIds.length) {
    throw new Refused('invalid', `the manifest lists ${descriptors.length} layers but the config ${diffIds.length}`);
  }
  return descriptors.map((descriptor, i) => ({ descriptor, diffId: diffIds[i]! }));
}
