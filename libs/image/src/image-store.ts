import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Trace } from '../../base/src/index.js';
import { Refused } from '../../base/src/index.js';
import { BlobStore } from './blob-store.js';
import type { ContentSource } from './content-source.js';
import { digestOf } from './digest.js';
import { sweepScratch } from './disk.js';
import type { ImageEvent } from './events.js';
import { parseImageConfig } from './image-config.js';
import type { LocalImage, PullProgress } from './images.js';
import { LayerNotes } from './layer-notes.js';
import { LayerStore, pairLayers } from './layer-store.js';
import type { Descriptor, Manifest } from './manifest.js';
import { maxConfigBytes, maxManifestBytes, parseManifest } from './manifest.js';
import type { Platform } from './platform.js';
import { choosePlatform } from './platform.js';
import type { Reference } from './reference.js';
import type { ReferenceRecord } from './reference-store.js';
import { ReferenceStore } from './reference-store.js';
import type { UnpackLimits } from './unpack.js';

const maxIndexDepth = 3;
const parallelFetches = 3; // as Docker

/** What is on this node's disk: `<dir>/{references.json, blobs/sha256/, layers/, tmp/}`. */
export class ImageStore {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly references: ReferenceStore;
  readonly scratchDir: string;

  private constructor(
    dir: string,
    readonly platform: Platform,
    limits: UnpackLimits,
    trace: Trace<ImageEvent>,
  ) {
    this.scratchDir = join(dir, 'tmp');
    this.blobs = new BlobStore(join(dir, 'blobs', 'sha256'), this.scratchDir);
    const notes = new LayerNotes(join(dir, 'layers'), this.scratchDir, trace);
    this.layers = new LayerStore(notes.dir, this.scratchDir, notes, limits, parallelFetches);
    this.references = new ReferenceStore(join(dir, 'references.json'), this.scratchDir);
  }

  /** Opens the store, makes it if needed, and clears away what a killed process left half done. */
  static async open(dir: string, platform: Platform, limits: UnpackLimits, trace: Trace<ImageEvent>): Promise<ImageStore> {
    const store = new ImageStore(dir, platform, limits, trace);
    // 0700: layers hold setuid files and device nodes, which users of the host must not reach.
    for (const each of [dir, store.scratchDir, store.blobs.dir, store.layers.dir]) await fs.mkdir(each, { recursive: true, mode: 0o700 });
    await sweepScratch(store.scratchDir);
    await store.layers.notes.recover();
    return store;
  }

  async find(reference: Reference): Promise<LocalImage | undefined> {
    const record = await this.references.find(reference);
    return record && this.load(record);
  }

  /** The image of a record, or `undefined` when a part of it is no longer here. */
  async load(record: ReferenceRecord): Promise<LocalImage | undefined> {
    const manifestBytes = await this.blobs.get(record.manifestDigest);
    if (!manifestBytes) return undefined;
    const manifest = parseManifest(manifestBytes);
    if (manifest.kind !== 'manifest') return undefined;
    const configBytes = await this.blobs.get(manifest.config.digest);
    if (!configBytes) return undefined;
    const { config, diffIds } = parseImageConfig(configBytes);
    const layerDirs = await this.layers.find(diffIds);
    return layerDirs && { id: manifest.config.digest, manifestDigest: record.manifestDigest, layerDirs, config };
  }

  async sizeBytes(image: LocalImage): Promise<number> {
    const configBytes = await this.blobs.get(image.id);
    return configBytes ? this.layers.sizeBytes(parseImageConfig(configBytes).diffIds) : 0;
  }

  /** Fetches what is missing of an image, given the bytes its reference leads to (a manifest or an index). */
  async add(
    root: Buffer,
    source: ContentSource,
    options: { mediaType?: string; onProgress: (progress: PullProgress) => void; signal: AbortSignal },
  ): Promise<{ image: LocalImage; record: ReferenceRecord }> {
    const { bytes, manifest } = await this.#chooseManifest(root, source, options);
    const configBytes = (await this.blobs.get(manifest.config.digest)) ?? (await source.document(manifest.config, maxConfigBytes, options.signal));
    const { config, diffIds } = parseImageConfig(configBytes);
    const layers = pairLayers(manifest.layers, diffIds);
    const layerDirs = await this.layers.ensure(layers, source, progressOf(manifest.layers, options.onProgress), options.signal);

    await this.blobs.put(configBytes);
    const manifestDigest = await this.blobs.put(bytes);
    return { image: { id: manifest.config.digest, manifestDigest, layerDirs, config }, record: { resolvedDigest: digestOf(root), manifestDigest } };
  }

  async #chooseManifest(root: Buffer, source: ContentSource, options: { mediaType?: string; signal: AbortSignal }): Promise<{ bytes: Buffer; manifest: Manifest }> {
    let bytes = root;
    let mediaType = options.mediaType;
    for (let depth = 0; depth < maxIndexDepth; depth++) {
      const parsed = parseManifest(bytes, mediaType);
      if (parsed.kind === 'manifest') return { bytes, manifest: parsed };
      const chosen = choosePlatform(parsed, this.platform);
      bytes = await source.document(chosen, maxManifestBytes, options.signal);
      mediaType = chosen.mediaType;
    }
    throw new Refused('invalid', `it has indexes inside indexes, more than ${maxIndexDepth} deep`);
  }
}

function progressOf(layers: Descriptor[], onProgress: (progress: PullProgress) => void) {
  const bytesPerLayer = layers.map(() => 0);
  const done = new Set<number>();
  const bytesTotal = layers.reduce((sum, layer) => sum + layer.size, 0);
  const report = () => onProgress({ layersDone: done.size, layersTotal: layers.length, bytesDone: bytesPerLayer.reduce((a, b) => a + b, 0), bytesTotal });
  report();
  return {
    onBytes(index: number, total: number) {
      bytesPerLayer[index] = total;
      report();
    },
    onDone(index: number) {
      done.add(index);
      bytesPerLayer[index] = layers[index]!.size;
      report();
    },
  };
}
