import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { isErrno, Refused } from '../../../base/src/index.js';

/** A place in a volume, held open so that nobody can put another at its name. `path` is that very place. */
export interface VolumePlace {
  path: string;
  /** The mount namespace in which it can be opened. */
  namespace: string;
  isDirectory: boolean;
  release(): void;
}

const openPath = 0o10000000; // O_PATH, which node:fs has no name for

/**
 * Walks into a volume folder by folder. Containers write to it meanwhile: a symbolic link on the way is refused, as it could lead
 * anywhere on the host (CVE-2024-23651 and its like).
 */
export function openSubpath(volume: string, root: string, subpath: string): VolumePlace {
  const refuse = (why: string, cause?: unknown): never => {
    throw new Refused('invalid', `volume ${volume}: the subpath "${subpath}" ${why}`, { cause });
  };
  const parts = subpath.split('/').filter((part) => part !== '' && part !== '.');
  if (subpath.startsWith('/') || parts.includes('..')) refuse('must stay inside the volume');
  let fd = openSync(root, openPath | constants.O_DIRECTORY);
  try {
    for (const part of parts) {
      const next = openSync(`/proc/self/fd/${fd}/${part}`, openPath | constants.O_NOFOLLOW);
      closeSync(fd);
      fd = next;
      if (fstatSync(fd).isSymbolicLink()) refuse('goes over a symbolic link');
    }
    const held = fd;
    return { path: `/proc/${process.pid}/fd/${held}`, namespace: `/proc/${process.pid}/ns/mnt`, isDirectory: fstatSync(held).isDirectory(), release: () => closeSync(held) };
  } catch (error) {
    closeSync(fd);
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return refuse('does not exist');
    throw error;
  }
}
