import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../base/src/index.js';

const directories = ['', 'dev', 'proc', 'sys', 'etc'];
const files = ['.dockerenv', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf'];

/**
 * The mount points and files that every container's root must have, as a layer below all images: an image that brings
 * its own wins, and the shim finds them there instead of making them anew in each writable layer. What exists already
 * is left alone: containers may be running on it.
 */
export function makeSkeleton(path: string): void {
  for (const name of directories) unlessThere(() => makeDirectory(join(path, name)));
  for (const name of files) unlessThere(() => writeFileSync(join(path, name), '', { mode: 0o755, flag: 'wx' }));
  unlessThere(() => symlinkSync('/proc/mounts', join(path, 'etc/mtab')));
}

/** An explicit chmod, because our umask is not the containers'. */
function makeDirectory(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}

function unlessThere(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}
