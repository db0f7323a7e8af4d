import * as fs from 'node:fs/promises';
import { isErrno, KeyedSequencer, Refused } from '../../base/src/index.js';
import { writeFileAtomically } from './disk.js';
import type { Reference } from './reference.js';
import { canonicalReference, parseReference } from './reference.js';

/** What a reference means on this node. */
export interface ReferenceRecord {
  /** Digest of what the registry answered: an index, or the manifest itself. */
  resolvedDigest: string;
  manifestDigest: string;
}

interface ReferencesFile {
  version: 1;
  references: Record<string, ReferenceRecord>;
}

/** `references.json`: canonical reference → digests. Read again on each use: another process may have written it. */
export class ReferenceStore {
  readonly #writes = new KeyedSequencer();

  constructor(
    readonly path: string,
    readonly scratchDir: string,
  ) {}

  async all(): Promise<[string, ReferenceRecord][]> {
    return Object.entries((await this.#read()).references);
  }

  /** By name; for a digest also under any tag of the same repository that has this digest. */
  async find(reference: Reference): Promise<ReferenceRecord | undefined> {
    const { references } = await this.#read();
    const direct = references[canonicalReference(reference)];
    if (direct || reference.digest === undefined) return direct;
    return Object.entries(references).find(([text, record]) => {
      const known = parseReference(text);
      const sameName = known.registry === reference.registry && known.repository === reference.repository;
      return sameName && (record.resolvedDigest === reference.digest || record.manifestDigest === reference.digest);
    })?.[1];
  }

  async set(reference: Reference, record: ReferenceRecord): Promise<void> {
    await this.#writes.run(this.path, async () => {
      const file = await this.#read();
      file.references[canonicalReference(reference)] = record;
      await writeFileAtomically(this.path, `${JSON.stringify(file, null, 1)}\n`, this.scratchDir);
    });
  }

  async #read(): Promise<ReferencesFile> {
    let text: string;
    try {
      text = await fs.readFile(this.path, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return { version: 1, references: {} };
      throw error;
    }
    const file = JSON.parse(text) as ReferencesFile;
    if (file.version !== 1) throw new Refused('unsupported', `${this.path} was written by another version of Shoal (format ${String(file.version)}, this one knows 1)`);
    return file;
  }
}
