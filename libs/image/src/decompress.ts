import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { Refused } from '../../base/src/index.js';

/**
 * The uncompressed bytes of a layer. The magic number decides, not the media type: builders get that wrong.
 * gzip may have several members (pigz, eStargz), zstd several frames and skippable ones (zstd:chunked).
 */
export async function* decompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { head, all } = await peek(source, 4);
  if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) yield* gunzipped(all);
  else if (isZstd(head)) yield* unzstd(all);
  else yield* all;
}

export function isCompressed(head: Buffer): boolean {
  return (head[0] === 0x1f && head[1] === 0x8b) || isZstd(head);
}

function isZstd(head: Buffer): boolean {
  if (head.length < 4) return false;
  const magic = head.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
}

async function* gunzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  // A failure of either side destroys the other; the loop below throws it.
  pipeline(Readable.from(source), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!/^Z_|^ERR_STREAM_PREMATURE_CLOSE/.test(code)) throw error;
    throw new Refused('invalid', 'the gzip stream of a layer is damaged', { cause: error });
  }
}

/** One slice can expand to 128 KiB per four bytes (RLE blocks); small slices keep what is in memory small. */
const zstdSliceBytes = 1024;

async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  const decoder = new Decompress((data) => ready.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
  const push = (slice: Buffer, last: boolean) => {
    try {
      decoder.push(slice, last);
    } catch (cause) {
      throw new Refused('invalid', 'the zstd stream of a layer is damaged', { cause });
    }
    const out = ready;
    ready = [];
    return out;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += zstdSliceBytes) yield* push(chunk.subarray(at, at + zstdSliceBytes), false);
  }
  yield* push(Buffer.alloc(0), true);
}

/** Looks at the first bytes without taking them away. */
async function peek(source: AsyncIterable<Buffer>, count: number): Promise<{ head: Buffer; all: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < count) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}
