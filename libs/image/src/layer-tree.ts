import type { Stats } from 'node:fs';
import * as fs from 'node:fs';
import { isErrno, Refused } from '../../base/src/index.js';
import { setXattr } from './libc.js';
import { printable } from '../../base/src/tar/tar-header.js';

const maxSymlinks = 40; // as the kernel's ELOOP

/**
 * The directory that one layer is unpacked into, addressed by root-relative byte-string paths (`latin1`, no leading `/`;
 * '' is the root itself).
 *
 * Why resolving with `lstat` is sound here: the directory is new, lies in our own 0700 tree, and nobody but this unpacker
 * writes into it until it is finished. So what a look-up saw is still true when the next call uses it, and no swapped
 * symlink can lead out. Symbolic links inside are followed by `directory` itself, as if the layer were `/`;
 * the kernel never follows one for us, because every path it gets consists of real directories and one last component
 * that is used without following (`lstat`, `O_EXCL|O_NOFOLLOW`, `lchown`, `link`, `mknod`, `lsetxattr`).
 */
export class LayerTree {
  readonly #root: string;
  /** Entry directory → real directory; emptied when something is removed. */
  readonly #resolved = new Map<string, string>([['', '']]);

  constructor(
    root: string,
    /** Directories of the layers below, topmost last: implied directories look like theirs. */
    readonly parentDirs: string[],
  ) {
    this.#root = Buffer.from(root).toString('latin1');
  }

  /** The path for the kernel. */
  at(path: string): Buffer {
    return Buffer.from(path === '' ? this.#root : `${this.#root}/${path}`, 'latin1');
  }

  stat(path: string): Stats | undefined {
    return lstatOrUndefined(this.at(path));
  }

  /** The real directory that `path` means, following links inside the root. With `create`, missing ones are made. */
  directory(path: string, create: true): string;
  directory(path: string, create: boolean): string | undefined;
  directory(path: string, create: boolean): string | undefined {
    const known = this.#resolved.get(path);
    if (known !== undefined) return known;
    const todo = path.split('/');
    const real: string[] = [];
    let links = 0;
    while (todo.length > 0) {
      const name = todo.shift()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        real.pop(); // above the root is the root, as for chroot
        continue;
      }
      const here = [...real, name].join('/');
      const stat = this.stat(here);
      if (stat?.isSymbolicLink()) {
        if (++links > maxSymlinks) throw new Refused('invalid', `"${printable(path)}" leads through more than ${maxSymlinks} symbolic links`);
        const target = fs.readlinkSync(this.at(here), 'latin1');
        if (target.startsWith('/')) real.length = 0;
        todo.unshift(...target.split('/'));
        continue;
      }
      if (stat === undefined) {
        if (!create) return undefined;
        this.#makeImplied(here);
      } else if (!stat.isDirectory()) {
        throw new Refused('invalid', `"${printable(path)}" leads through "${printable(here)}", which is not a directory`);
      }
      real.push(name);
    }
    const result = real.join('/');
    this.#resolved.set(path, result);
    return result;
  }

  /** Removes whatever is there, without following anything. */
  async remove(path: string): Promise<void> {
    this.#resolved.clear();
    this.#resolved.set('', '');
    await fs.promises.rm(this.at(path) as unknown as string, { recursive: true, force: true });
  }

  markOpaque(path: string): void {
    setXattr(this.at(path), 'trusted.overlay.opaque', Buffer.from('y'));
  }

  /** The root of a layer is an implied directory too, until the archive lists it. */
  inheritRoot(): void {
    this.#inherit('');
  }

  #makeImplied(path: string): void {
    fs.mkdirSync(this.at(path), 0o755);
    this.#inherit(path);
  }

  /** A directory that the archive does not list looks like the one below it, else like 0755 root. */
  #inherit(path: string): void {
    const below = this.parentDirs.toReversed().map((parentDir) => lstatOrUndefined(new LayerTree(parentDir, []).at(path)));
    const stat = below.find((each) => each !== undefined);
    if (!stat?.isDirectory()) return fs.chmodSync(this.at(path), 0o755);
    fs.lchownSync(this.at(path), stat.uid, stat.gid);
    fs.chmodSync(this.at(path), stat.mode & 0o7777);
    fs.lutimesSync(this.at(path), stat.atimeMs / 1000, stat.mtimeMs / 1000);
  }
}

function lstatOrUndefined(path: Buffer): Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
