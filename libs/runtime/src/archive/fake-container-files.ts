import { posix } from 'node:path';
import { Refused } from '../../../base/src/index.js';
import { encodeHeader, endOfArchive, padding, StreamReader, tarEntries, type TarType } from '../../../base/src/tar/index.js';
import type { ContainerFiles, PathChange, PathStat } from './container-files.js';
import { S_IF } from './entry.js';
import { baseName, containerPath } from './paths.js';

interface FakeFile {
  type: TarType;
  content: Buffer;
}

const mtime = '2001-09-09T01:46:40.000000000Z';
const mtimeNs = 1_000_000_000n * 1_000_000_000n;

/** Files in memory: what was written can be read, and counts as added. Only files and directories, without owners. */
export class FakeContainerFiles implements ContainerFiles {
  readonly #containers = new Map<string, Map<string, FakeFile>>();

  /** `require` throws for a container that is not there. */
  constructor(readonly require: (id: string) => unknown) {}

  async statPath(id: string, path: string): Promise<PathStat> {
    const at = plain(path);
    const { type, content } = this.#find(id, at);
    return { name: baseName(containerPath(path)) || '/', size: content.length, mode: type === 'directory' ? S_IF.DIR | 0o755 : S_IF.REG | 0o644, mtime, linkTarget: '' };
  }

  async readArchive(id: string, path: string): Promise<{ stat: PathStat; tar: AsyncIterable<Buffer> }> {
    const stat = await this.statPath(id, path);
    const at = plain(path);
    const name = baseName(containerPath(path));
    return { stat, tar: this.#tar(id, (each) => (each === at ? name : each.startsWith(at === '/' ? '/' : `${at}/`) ? `${name}/${posix.relative(at, each)}` : undefined)) };
  }

  async writeArchive(id: string, path: string, tar: AsyncIterable<Buffer>): Promise<void> {
    const at = plain(path);
    if (this.#find(id, at).type !== 'directory') throw new Refused('invalid', 'extraction point is not a directory');
    const files = this.#files(id);
    for await (const { header, body } of tarEntries(new StreamReader(tar))) {
      const pieces: Buffer[] = [];
      for await (const piece of body) pieces.push(Buffer.from(piece));
      files.set(posix.join(at, Buffer.from(header.name, 'latin1').toString('utf8')).replace(/(?<=.)\/$/, ''), { type: header.type, content: Buffer.concat(pieces) });
    }
  }

  async changes(id: string): Promise<PathChange[]> {
    return [...this.#files(id).keys()].filter((path) => path !== '/').sort().map((path) => ({ path, kind: 'added' }));
  }

  async exportRoot(id: string): Promise<AsyncIterable<Buffer>> {
    this.#files(id);
    return this.#tar(id, (path) => path.slice(1) || undefined);
  }

  async writableLayer(id: string): Promise<AsyncIterable<Buffer>> {
    return this.exportRoot(id);
  }

  async *#tar(id: string, nameOf: (path: string) => string | undefined): AsyncGenerator<Buffer> {
    for (const [path, { type, content }] of [...this.#files(id)].sort()) {
      const name = nameOf(path);
      if (name === undefined) continue;
      const header = { name: Buffer.from(type === 'directory' ? `${name}/` : name, 'utf8').toString('latin1'), type, mode: type === 'directory' ? 0o755 : 0o644, uid: 0, gid: 0, mtimeNs, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: new Map<string, string>() };
      yield Buffer.concat([encodeHeader({ ...header, size: content.length }), content, padding(content.length)]);
    }
    yield endOfArchive();
  }

  #find(id: string, path: string): FakeFile {
    const file = this.#files(id).get(path);
    if (!file) throw new Refused('not-found', `Could not find the file ${path} in container ${id}`);
    return file;
  }

  #files(id: string): Map<string, FakeFile> {
    this.require(id);
    const files = this.#containers.get(id) ?? new Map<string, FakeFile>([['/', { type: 'directory', content: Buffer.alloc(0) }]]);
    this.#containers.set(id, files);
    return files;
  }
}

function plain(path: string): string {
  return posix.resolve('/', path);
}
