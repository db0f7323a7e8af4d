import { Refused } from '../../../base/src/index.js';
import { printable, StreamReader, tarEntries, type TarEntry, type TarHeader } from '../../../base/src/tar/index.js';
import type { IdMap } from '../container-config.js';
import { encodeEntry } from './entry.js';
import type { FilesProcess } from './files-process.js';
import { ownerOutside } from './ids.js';
import { cleanName } from './paths.js';

/** One piece of content in one record. */
const pieceBytes = 1 << 18;

/** Has a process make everything in a tar below `directory`, a path of the container. Owners are the container's. */
export async function unpackInto(process: FilesProcess, directory: string, tar: AsyncIterable<Buffer>, owners: { forAll?: { uid: number; gid: number }; idMap?: IdMap }): Promise<void> {
  const prefix = Buffer.from(directory.replace(/\/+\.?$/, ''), 'utf8').toString('latin1');
  try {
    for await (const entry of tarEntries(new StreamReader(whileRunning(process, tar)))) {
      const name = cleanName(entry.header.name, 'name');
      // The directory itself is there, and stays as it is.
      if (name !== '') await send(process, entry, `${prefix}/${name}`, prefix, ownerOutside(owners.forAll ?? entry.header, owners.idMap));
    }
  } catch (error) {
    if (process.hasEnded) await process.done(); // why it has ended says more than that the archive was cut by it
    throw error;
  }
  await process.send([['filesEnd']]);
  await process.done();
}

/** A process that has ended does not wait for a source that says nothing. */
async function* whileRunning(process: FilesProcess, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), process.ended]);
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: it would be in turn behind a read that may never end.
    iterator.return?.().then(undefined, () => undefined);
  }
}

async function send(process: FilesProcess, { header, body }: TarEntry, path: string, prefix: string, owner: { uid: number; gid: number }): Promise<void> {
  const link = header.type === 'hard-link' ? `${prefix}/${cleanName(header.linkName, 'hard link target')}` : header.linkName;
  await process.send([['filesEntry', encodeEntry(header, path, link, owner)]]);
  if (header.type !== 'file') return;
  const write = (offset: number, data: Buffer) => process.send([['filesContent', BigInt(offset), data]]);
  let at = 0;
  for await (const chunk of body) {
    for (let from = 0; from < chunk.length && !process.hasEnded; from += pieceBytes) {
      const piece = chunk.subarray(from, from + pieceBytes);
      if (header.sparse) await writePieces(header.sparse.pieces, at, piece, write);
      else await write(at, piece);
      at += piece.length;
    }
  }
  if (at !== header.size && !header.sparse && !process.hasEnded) throw new Refused('invalid', `the archive ends in the middle of "${printable(header.name)}"`);
}

/** Content of a sparse file: `at` counts what the archive holds, without the holes. */
async function writePieces(pieces: NonNullable<TarHeader['sparse']>['pieces'], at: number, data: Buffer, write: (offset: number, data: Buffer) => Promise<void>): Promise<void> {
  let before = 0;
  for (const { offset, length } of pieces) {
    const from = Math.max(at, before);
    const to = Math.min(at + data.length, before + length);
    if (from < to) await write(offset + from - before, data.subarray(from - at, to - at));
    before += length;
    if (before >= at + data.length) return;
  }
  if (at + data.length > before) throw new Refused('invalid', 'a sparse tar entry has more content than its map');
}
