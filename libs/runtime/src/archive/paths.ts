import { posix } from 'node:path';
import { Refused } from '../../../base/src/index.js';
import { printable } from '../../../base/src/tar/index.js';

/** A path as somebody gave it, made absolute. What ends in `/` or `/.` goes on doing so: then a symbolic link at the end is followed. */
export function containerPath(path: string): string {
  if (path.includes('\0')) throw new Refused('invalid', 'a path cannot hold a NUL');
  const clean = posix.join('/', path).replace(/(?<=.)\/+$/, '');
  if (clean === '/') return '/';
  if (/(^|\/)\.$/.test(path)) return `${clean}/.`;
  return path.endsWith('/') ? `${clean}/` : clean;
}

/** Last component: how the archive of a path calls it. Of `/a/.` it is `.`, of `/` nothing. */
export function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').pop()!;
}

/** `./a//b/` and `/a/b` are `a/b`. Throws `Refused` for a name that leads out of where it is unpacked. */
export function cleanName(name: string, what: string): string {
  const clean = posix.normalize(`/${name}`).slice(1).replace(/\/$/, '');
  if (name.split('/').includes('..') && posix.normalize(`./${name}`).startsWith('..')) {
    throw new Refused('invalid', `the archive's ${what} "${printable(name)}" leads out of the directory that it is unpacked to`);
  }
  return clean;
}
