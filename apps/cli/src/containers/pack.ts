import { createReadStream, type BigIntStats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeHeader, endOfArchive, padding, type WrittenHeader } from '../../../../libs/base/src/tar/index.js';

/** A file or folder of this machine as a tar, its top entry called `name` (`.`: what is in the folder). `follow`: what a link at `path` leads to. */
export async function* pack(path: string, name: string, follow: boolean): AsyncGenerator<Buffer> {
  yield* packEntry(path, name, follow ? await stat(path, { bigint: true }) : await lstat(path, { bigint: true }));
  yield endOfArchive();
}

async function* packEntry(path: string, name: string, about: BigIntStats): AsyncGenerator<Buffer> {
  if (about.isDirectory()) {
    yield encodeHeader(headerOf(`${name}/`, 'directory', about));
    for (const child of (await readdir(path)).sort()) yield* packEntry(join(path, child), `${name}/${child}`, await lstat(join(path, child), { bigint: true }));
  } else if (about.isSymbolicLink()) {
    yield encodeHeader({ ...headerOf(name, 'symlink', about), linkName: bytesOf(await readlink(path)) });
  } else if (about.isFile()) {
    yield* packFile(path, headerOf(name, 'file', about));
  } else if (about.isFIFO()) {
    yield encodeHeader(headerOf(name, 'fifo', about));
  }
  // Sockets and devices are no files that could be copied; docker leaves them out as well.
}

/** Exactly as many bytes as its header says, also of a file that grows or shrinks meanwhile. */
async function* packFile(path: string, header: WrittenHeader): AsyncGenerator<Buffer> {
  yield encodeHeader(header);
  let missing = header.size;
  if (missing > 0) {
    for await (const chunk of createReadStream(path, { end: header.size - 1, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
      missing -= chunk.length;
      yield chunk;
    }
  }
  if (missing > 0) throw new Error(`${path} became smaller while it was read`);
  yield padding(header.size);
}

function headerOf(name: string, type: WrittenHeader['type'], about: BigIntStats): WrittenHeader {
  return {
    name: bytesOf(name),
    type,
    mode: Number(about.mode & 0o7777n),
    uid: Number(about.uid),
    gid: Number(about.gid),
    size: type === 'file' ? Number(about.size) : 0,
    mtimeNs: about.mtimeNs,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  };
}

/** Names in archives are bytes, one character each. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}
