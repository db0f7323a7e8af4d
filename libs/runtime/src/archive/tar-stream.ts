import { Refused } from '../../../base/src/index.js';
import { encodeHeader, endOfArchive, padding, printable } from '../../../base/src/tar/index.js';
import type { IdMap } from '../container-config.js';
import { entryFlags, typeOf, type FileEntry } from './entry.js';
import type { FilesProcess } from './files-process.js';
import { ownerInside } from './ids.js';

const noXattrs = new Map<string, string>();

/** A tar of what a process reads, entry by entry: never more in memory than a few pieces of content. */
export async function* tarOf(process: FilesProcess, idMap: IdMap | undefined, headersOf: (entry: FileEntry) => Iterable<Buffer>): AsyncGenerator<Buffer> {
  let unpadded = 0;
  for await (const message of process.messages()) {
    if (message.kind === 'content') {
      yield message.data;
      continue;
    }
    yield Buffer.concat([padding(unpadded), ...headersOf(ownerInside(idMap, message.entry))]);
    unpadded = contentBytes(message.entry);
  }
  yield Buffer.concat([padding(unpadded), endOfArchive()]);
}

export function fileHeader(entry: FileEntry): Buffer[] {
  const type = typeOf(entry);
  return [encodeHeader({ ...entry, type, name: type === 'directory' ? `${entry.path}/` : entry.path, linkName: entry.link, size: contentBytes(entry) })];
}

/** Names relative to the root, which has no entry of its own. */
export function rootHeader(entry: FileEntry): Buffer[] {
  return entry.path === '' ? [] : fileHeader(relative(entry));
}

/** The same for a writable layer, where overlayfs's marks become those of the image spec (layer.md, "Whiteouts"). */
export function layerHeader(entry: FileEntry): Buffer[] {
  const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
  if (name.startsWith('.wh.')) throw new Refused('unsupported', `the file ${printable(entry.path)} cannot be part of an image: names that begin with ".wh." stand for deletions`);
  if (entry.flags & entryFlags.whiteout) return [mark(entry, `${entry.path.slice(1, -name.length)}.wh.${name}`)];
  return [...rootHeader(entry), ...(entry.flags & entryFlags.opaque ? [mark(entry, `${entry.path}/.wh..wh..opq`.slice(1))] : [])];
}

function relative(entry: FileEntry): FileEntry {
  return { ...entry, path: entry.path.slice(1), link: entry.flags & entryFlags.hardLink ? entry.link.slice(1) : entry.link };
}

function mark(entry: FileEntry, name: string): Buffer {
  return encodeHeader({ ...entry, name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: noXattrs });
}

function contentBytes(entry: FileEntry): number {
  return !(entry.flags & (entryFlags.whiteout | entryFlags.hardLink)) && typeOf(entry) === 'file' ? entry.size : 0;
}
