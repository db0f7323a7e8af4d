import { createWriteStream } from 'node:fs';
import { chmod, lchown, link, lstat, lutimes, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isErrno } from '../../../../libs/base/src/index.js';
import { StreamReader, tarEntries, type TarEntry, type TarHeader } from '../../../../libs/base/src/tar/index.js';
import { exitStatus, Failure } from '../exit-status.js';

export interface UnpackOptions {
  /** An existing folder. */
  directory: string;
  /** What the top entry of the archive shall be called instead; absent: what it is called. */
  topName?: string;
  /** Owners as in the archive; otherwise they are whoever runs this. */
  keepOwners: boolean;
}

/**
 * Unpacks an archive that comes from a container, which may be made to do harm: nothing is written outside of the folder,
 * neither by name nor through a link that the archive itself brings.
 */
export async function unpack(archive: AsyncIterable<Buffer>, options: UnpackOptions): Promise<void> {
  // Times of folders last: what is put into them changes them.
  const folders: { path: string; header: TarHeader }[] = [];
  for await (const entry of tarEntries(new StreamReader(archive))) {
    const path = await placeOf(textOf(entry.header.name), options);
    if (path === options.directory) continue;
    await write(path, entry, options);
    if (entry.header.type === 'directory') folders.push({ path, header: entry.header });
    else await finish(path, entry.header, options);
  }
  for (const { path, header } of folders.reverse()) await finish(path, header, options);
}

/** Where an entry goes. Throws when that would be outside, or below something that is no folder. */
async function placeOf(name: string, { directory, topName }: UnpackOptions): Promise<string> {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Failure(exitStatus.failed, `the archive wants to write "${name}", outside of ${directory}: it is not unpacked`);
  const [, ...below] = parts;
  const placed = topName !== undefined && parts.length > 0 ? [topName, ...below] : parts;
  let path = directory;
  for (const part of placed.slice(0, -1)) {
    path = join(path, part);
    const about = await lstat(path).catch((error: unknown) => (isErrno(error, 'ENOENT') ? undefined : Promise.reject(error)));
    if (!about) await mkdir(path);
    else if (!about.isDirectory()) throw new Failure(exitStatus.failed, `the archive wants to write "${name}" through ${path}, which is no folder: it is not unpacked`);
  }
  return placed.length === 0 ? directory : join(path, placed.at(-1)!);
}

async function write(path: string, { header, body }: TarEntry, options: UnpackOptions): Promise<void> {
  if (header.type === 'directory') {
    const about = await lstat(path).catch(() => undefined);
    if (about && !about.isDirectory()) throw new Failure(exitStatus.failed, `cannot put a folder over ${path}, which is none`);
    if (!about) await mkdir(path);
    return;
  }
  const about = await lstat(path).catch(() => undefined);
  if (about?.isDirectory()) throw new Failure(exitStatus.failed, `cannot put a file over the folder ${path}`);
  if (about) await rm(path);
  if (header.type === 'file') await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  else if (header.type === 'symlink') await symlink(textOf(header.linkName), path);
  else if (header.type === 'hard-link') await link(await placeOf(textOf(header.linkName), options), path);
  else throw new Failure(exitStatus.failed, `${dirname(path)}: the archive holds a device or a pipe, "${textOf(header.name)}", which cannot be copied`);
}

async function finish(path: string, header: TarHeader, { keepOwners }: UnpackOptions): Promise<void> {
  if (header.type === 'hard-link') return;
  if (keepOwners) await lchown(path, header.uid, header.gid);
  if (header.type !== 'symlink') await chmod(path, header.mode & 0o1777);
  await lutimes(path, header.mtimeSeconds, header.mtimeSeconds);
}

function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
