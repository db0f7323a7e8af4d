import { readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, type Trace } from '../../base/src/index.js';
import { exists, writeFileAtomically } from './disk.js';
import type { ImageEvent } from './events.js';
import { syncFileSystem } from './libc.js';

/** What is noted about an unpacked layer, in `<layer>.json` next to its directory. */
export interface LayerNote {
  diffId: string;
  bytes: number;
  entries: number;
  /** Boot during which it was unpacked, as long as it is not known to be on the disk itself. */
  unsyncedBoot?: string;
}

/**
 * Layers must survive a power failure, but nobody who starts a container should wait for the disk. So a new layer counts
 * at once, noted as unsynced; it is synced in the background. After a reboot, a layer still noted as unsynced may have
 * lost content, and is thrown away.
 */
export class LayerNotes {
  readonly #unsynced = new Set<string>();
  readonly #boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  #isSyncing = false;

  constructor(
    readonly dir: string,
    readonly scratchDir: string,
    readonly trace: Trace<ImageEvent>,
  ) {}

  /** Removes layers of which an earlier boot may have lost something, and takes up the syncing that a killed process left. */
  async recover(): Promise<void> {
    for (const name of await fs.readdir(this.dir)) {
      if (!name.endsWith('.json')) continue;
      const hex = name.slice(0, -'.json'.length);
      const note = await this.read(hex);
      const isThere = await exists(join(this.dir, hex));
      if (isThere && note && note.unsyncedBoot === undefined) continue;
      if (isThere && note?.unsyncedBoot === this.#boot) this.#unsynced.add(hex);
      else await this.#forget(hex);
    }
    if (this.#unsynced.size > 0) this.#syncSoon();
  }

  async read(hex: string): Promise<LayerNote | undefined> {
    try {
      return JSON.parse(await fs.readFile(this.#path(hex), 'utf8')) as LayerNote;
    } catch (error) {
      if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** To be called before the layer's directory gets its name. */
  async write(hex: string, note: Omit<LayerNote, 'unsyncedBoot'>): Promise<void> {
    await fs.writeFile(this.#path(hex), JSON.stringify({ ...note, unsyncedBoot: this.#boot }));
  }

  /** To be called when it has it. */
  added(hex: string): void {
    this.#unsynced.add(hex);
    this.#syncSoon();
  }

  #syncSoon(): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    this.#sync()
      .catch((error: Error) => this.trace({ event: 'image-sync-failed', dir: this.dir, error }))
      .finally(() => (this.#isSyncing = false));
  }

  /** Many layers, one sync: those that arrive meanwhile get the next one. */
  async #sync(): Promise<void> {
    while (this.#unsynced.size > 0) {
      const batch = [...this.#unsynced];
      this.#unsynced.clear();
      const directory = await fs.open(this.dir, 'r');
      try {
        await syncFileSystem(directory.fd);
      } finally {
        await directory.close();
      }
      for (const hex of batch) {
        const note = await this.read(hex);
        if (!note) continue;
        const { unsyncedBoot: _synced, ...rest } = note;
        await writeFileAtomically(this.#path(hex), JSON.stringify(rest), this.scratchDir);
      }
    }
  }

  async #forget(hex: string): Promise<void> {
    await fs.rm(join(this.dir, hex), { recursive: true, force: true });
    await fs.rm(this.#path(hex), { force: true });
  }

  #path(hex: string): string {
    return join(this.dir, `${hex}.json`);
  }
}
