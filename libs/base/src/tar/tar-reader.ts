import { Refused } from '../errors.js';
import type { ByteReader } from './byte-reader.js';
import { truncated } from './byte-reader.js';
import type { Pax, TarHeader } from './tar-header.js';
import { blockSize, checkSum, contentSize, parseHeader, parsePax, typeFlag } from './tar-header.js';
import { oldSparseMap, paxSparse } from './tar-sparse.js';

/** Long names and extended attributes; the kernel takes 4 KiB of the one and 64 KiB of the other. */
const maxExtensionBytes = 1024 * 1024;

export interface TarEntry {
  header: TarHeader;
  /** Where the content begins in the archive. */
  contentOffset: number;
  /** Content bytes, in pieces. What is not read is skipped. */
  body: AsyncIterable<Buffer>;
}

/**
 * Reads a tar archive entry by entry. Own code because layers need what the usual library has not: attribute values and
 * names as bytes (a capability mask is not UTF-8), GNU sparse files, and errors that are refusals.
 */
export async function* tarEntries(reader: ByteReader): AsyncGenerator<TarEntry> {
  try {
    yield* entriesOf(reader);
    await reader.drain(); // padding after the end counts for the digest
  } finally {
    await reader.close();
  }
}

async function* entriesOf(reader: ByteReader): AsyncGenerator<TarEntry> {
  let globalPax: Pax = new Map();
  let pax: Pax = globalPax;
  for (;;) {
    const block = await reader.exactly(blockSize);
    if (block === undefined || block.every((byte) => byte === 0)) return;
    checkSum(block);
    const flag = typeFlag(block);
    if (flag === 'g') {
      globalPax = parsePax(await extension(reader, block), globalPax);
      pax = globalPax;
    } else if (flag === 'x') {
      pax = parsePax(await extension(reader, block), pax);
    } else if (flag === 'L' || flag === 'K') {
      const name = (await extension(reader, block)).toString('latin1').replace(/\0+$/, '');
      pax = new Map(pax).set(flag === 'L' ? 'path' : 'linkpath', name);
    } else {
      yield* oneEntry(reader, block, pax);
      pax = globalPax;
    }
  }
}

async function* oneEntry(reader: ByteReader, block: Buffer, pax: Pax): AsyncGenerator<TarEntry> {
  const header = parseHeader(block, pax);
  const contentOffset = reader.position;
  let unread = header.size;
  const padding = (blockSize - (header.size % blockSize)) % blockSize;
  if (typeFlag(block) === 'S') header.sparse = await oldSparseMap(reader, block); // its blocks do not count as content
  const inArchive = await paxSparse(reader, header, pax);
  unread -= inArchive;

  async function* body(): AsyncGenerator<Buffer> {
    while (unread > 0) {
      const piece = await reader.some(unread);
      if (piece === undefined) throw truncated();
      unread -= piece.length;
      yield piece;
    }
  }
  yield { header, contentOffset, body: body() };
  await reader.skip(unread + padding);
}

async function extension(reader: ByteReader, block: Buffer): Promise<Buffer> {
  const size = contentSize(block, new Map());
  if (size > maxExtensionBytes) throw new Refused('invalid', `an extended tar header has ${size} bytes; the limit is ${maxExtensionBytes}`);
  const body = size === 0 ? Buffer.alloc(0) : await reader.exactly(size);
  if (body === undefined) throw truncated();
  await reader.skip((blockSize - (size % blockSize)) % blockSize);
  return body;
}
