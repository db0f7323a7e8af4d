import type { FileHandle } from 'node:fs/promises';
import { Refused } from '../errors.js';

/** Bytes in the portions that a parser wants. */
export abstract class ByteReader {
  /** How many bytes were taken or skipped. */
  position = 0;

  /** At least one and at most `max` bytes; `undefined` at the end. */
  abstract some(max: number): Promise<Buffer | undefined>;
  /** Throws when the source ends before `count` bytes. */
  abstract skip(count: number): Promise<void>;
  /** Reads to the end of the source: its digest covers all of it. */
  abstract drain(): Promise<void>;
  /** Tells the source that nobody reads on. */
  abstract close(): Promise<void>;

  /** Exactly `count` bytes; `undefined` when the source had ended before the first of them. */
  async exactly(count: number): Promise<Buffer | undefined> {
    const first = await this.some(count);
    if (first === undefined || first.length === count) return first;
    const pieces = [first];
    for (let missing = count - first.length; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) throw truncated();
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }
}

export class StreamReader extends ByteReader {
  readonly #iterator: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    super();
    this.#iterator = source[Symbol.asyncIterator]();
  }

  async some(max: number): Promise<Buffer | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#iterator.next();
      if (next.done) return undefined;
      this.#chunk = next.value;
    }
    const piece = this.#chunk.subarray(0, max);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.position += piece.length;
    return piece;
  }

  async skip(count: number): Promise<void> {
    for (let missing = count; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) throw truncated();
      missing -= piece.length;
    }
  }

  async drain(): Promise<void> {
    while ((await this.some(Number.MAX_SAFE_INTEGER)) !== undefined);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Skips by moving on, so that the headers of a large archive are found without reading its content. The file stays open. */
export class FileReader extends ByteReader {
  constructor(
    readonly file: FileHandle,
    readonly sizeBytes: number,
  ) {
    super();
  }

  async some(max: number): Promise<Buffer | undefined> {
    const wanted = Math.min(max, 64 * 1024);
    const { buffer, bytesRead } = await this.file.read(Buffer.allocUnsafe(wanted), 0, wanted, this.position);
    this.position += bytesRead;
    return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
  }

  async skip(count: number): Promise<void> {
    if (this.position + count > this.sizeBytes) throw truncated();
    this.position += count;
  }

  async drain(): Promise<void> {
    this.position = this.sizeBytes;
  }

  async close(): Promise<void> {}
}

export function truncated(): Refused {
  return new Refused('invalid', 'the tar archive ends in the middle of an entry');
}
