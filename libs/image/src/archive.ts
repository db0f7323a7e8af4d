import { createReadStream, createWriteStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Refused } from '../../base/src/index.js';
import { FileReader } from '../../base/src/tar/byte-reader.js';
import { decompressed, isCompressed } from './decompress.js';
import { tarEntries } from '../../base/src/tar/tar-reader.js';

/** Files by name, from a folder or from a tar file. */
export interface Archive {
  has(name: string): boolean;
  /** Bytes of the content. */
  sizeBytes(name: string): Promise<number>;
  /** The bytes of a member that the archive has. */
  open(name: string): AsyncIterable<Buffer>;
}

const maxMembers = 100_000;

interface Member {
  offset: number;
  size: number;
}

/** Opens a folder, a tar file, or a compressed tar file (which is unpacked to `scratch` first). */
export async function openArchive(path: string, scratch: string, signal: AbortSignal): Promise<Archive> {
  const stat = await fs.stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') throw new Refused('not-found', `there is no file or folder ${path}`, { cause });
    throw cause;
  });
  if (stat.isDirectory()) return folderArchive(path);
  let tar = path;
  if (isCompressed(await firstBytes(path))) {
    await pipeline(Readable.from(decompressed(createReadStream(path))), createWriteStream(scratch, { flags: 'wx', mode: 0o600 }), { signal });
    tar = scratch;
  }
  return tarArchive(tar, await indexTar(tar, signal));
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await fs.open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function folderArchive(path: string): Promise<Archive> {
  const names = new Set<string>();
  for (const entry of await fs.readdir(path, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) names.add(posix.relative(path, join(entry.parentPath, entry.name)));
  }
  return {
    has: (name) => names.has(name),
    sizeBytes: async (name) => (await fs.stat(join(path, name))).size,
    open: (name) => createReadStream(join(path, name), { highWaterMark: 256 * 1024 }),
  };
}

function tarArchive(path: string, members: Map<string, Member>): Archive {
  return {
    has: (name) => members.has(name),
    sizeBytes: async (name) => members.get(name)!.size,
    open(name) {
      const member = members.get(name)!;
      if (member.size === 0) return Readable.from([]);
      return createReadStream(path, { start: member.offset, end: member.offset + member.size - 1, highWaterMark: 256 * 1024 });
    },
  };
}

/** Where each member's content lies. Links (podman writes them) are resolved by name, inside the archive only. */
async function indexTar(path: string, signal: AbortSignal): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  const file = await fs.open(path);
  try {
    for await (const { header, contentOffset } of tarEntries(new FileReader(file, (await file.stat()).size))) {
      signal.throwIfAborted();
      if (members.size + links.size > maxMembers) throw new Refused('invalid', `it has more than ${maxMembers} members; an image archive has a few hundred`);
      const name = normalized(header.name);
      if (header.type === 'file') members.set(name, { offset: contentOffset, size: header.size });
      else if (header.type === 'symlink') links.set(name, posix.join(posix.dirname(name), header.linkName));
      else if (header.type === 'hard-link') links.set(name, normalized(header.linkName));
    }
  } finally {
    await file.close();
  }
  for (const [name, target] of links) {
    let at = target;
    for (let hops = 0; hops < 8 && links.has(at) && !members.has(at); hops++) at = links.get(at)!;
    const member = members.get(at);
    if (member) members.set(name, member);
  }
  return members;
}

function normalized(name: string): string {
  return posix.normalize(name).replace(/^\/+/, '');
}
