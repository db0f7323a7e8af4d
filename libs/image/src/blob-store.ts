import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../base/src/index.js';
import { digestOf, hexOf } from './digest.js';
import { writeFileAtomically } from './disk.js';

/**
 * Manifests and configs, exact bytes, under their digest; of layers, those that were made here and that no registry has. (Fetched
 * layers are kept unpacked only.)
 */
export class BlobStore {
  constructor(
    readonly dir: string,
    readonly scratchDir: string,
  ) {}

  async put(bytes: Buffer): Promise<string> {
    const digest = digestOf(bytes);
    if (!(await this.get(digest))) await writeFileAtomically(this.#path(digest), bytes, this.scratchDir);
    return digest;
  }

  /** Takes over a file that is complete, and whose digest this is. */
  async adopt(digest: string, path: string): Promise<void> {
    await fs.rename(path, this.#path(digest));
  }

  async get(digest: string): Promise<Buffer | undefined> {
    try {
      const bytes = await fs.readFile(this.#path(digest));
      return digestOf(bytes) === digest ? bytes : undefined; // a damaged blob is as good as none: it is fetched again
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #path(digest: string): string {
    return join(this.dir, hexOf(digest));
  }
}
