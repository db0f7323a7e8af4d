import { Refused } from '../../base/src/index.js';
import type { Archive } from './archive.js';
import type { ContentSource, FetchedLayer } from './content-source.js';
import { collect, hexOf, verified } from './digest.js';
import type { Descriptor } from './manifest.js';

/** The blobs of an OCI layout inside an archive, or those that `memberOf` names. */
export class ArchiveSource implements ContentSource {
  constructor(
    readonly archive: Archive,
    readonly memberOf: (descriptor: Descriptor) => string = (descriptor) => `blobs/sha256/${hexOf(descriptor.digest)}`,
  ) {}

  document(descriptor: Descriptor, maxBytes: number): Promise<Buffer> {
    const name = this.memberOf(descriptor);
    return collect(verified(this.#open(name), descriptor, name), maxBytes, name);
  }

  async layer(descriptor: Descriptor, _signal: AbortSignal, onBytes: (total: number) => void): Promise<FetchedLayer> {
    const name = this.memberOf(descriptor);
    this.#require(name);
    onBytes(descriptor.size);
    return { open: () => verified(this.#open(name), descriptor, name), discard: async () => undefined };
  }

  #require(name: string): void {
    if (!this.archive.has(name)) throw new Refused('invalid', `it has no member ${name}`);
  }

  #open(name: string): AsyncIterable<Buffer> {
    this.#require(name);
    return this.archive.open(name);
  }
}
