import { Bell } from '../../base/src/index.js';
import type { OutputChunk } from './runtime.js';

/** Output on its way to one reader, in order. Takes everything; who fills it watches `bytes`. */
export class OutputQueue implements AsyncIterable<OutputChunk> {
  /** Waiting for the reader. */
  bytes = 0;
  readonly #chunks: OutputChunk[] = [];
  readonly #bell = new Bell();
  #ended = false;
  #failure: Error | undefined;

  /** `taken` is told after each chunk that the reader took. */
  constructor(readonly taken: () => void = () => undefined) {}

  push(chunk: OutputChunk): void {
    if (this.#ended) return;
    this.#chunks.push(chunk);
    this.bytes += chunk.data.length;
    this.#bell.ring();
  }

  /** Nothing follows. The reader still gets what waits; then the failure, if there is one. */
  end(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#bell.ring();
  }

  /** Nothing follows, and nobody wants what waits. */
  drop(): void {
    this.#chunks.length = 0;
    this.bytes = 0;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.bytes -= chunk.data.length;
        this.taken();
        yield chunk;
      } else if (this.#ended) {
        if (this.#failure) throw this.#failure;
        return;
      } else {
        await this.#bell.wait();
      }
    }
  }
}
