import type { Descriptor } from './manifest.js';

/** Where the blobs of one image come from: a registry, or an archive. */
export interface ContentSource {
  /** A small blob as a whole. Size and digest are verified. */
  document(descriptor: Descriptor, maxBytes: number, signal: AbortSignal): Promise<Buffer>;
  /** A layer's bytes as they are stored, so usually compressed. */
  layer(descriptor: Descriptor, signal: AbortSignal, onBytes: (total: number) => void): Promise<FetchedLayer>;
}

export interface FetchedLayer {
  /** The bytes; size and digest are verified at the latest when the end is reached. */
  open(): AsyncIterable<Buffer>;
  /** Frees what `layer` stored for it. */
  discard(): Promise<void>;
}
