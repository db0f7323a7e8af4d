import type { PathChange } from './container-files.js';
import { entryFlags, S_IF, type FileEntry } from './entry.js';

/**
 * Compares a writable layer's entries, parents first, with the image: Docker's `diff`. A directory is only there because something
 * below it was touched, so it counts as modified when it differs itself or when something in it does.
 */
export class ChangeList {
  readonly #changes = new Map<string, PathChange['kind']>();

  add(entry: FileEntry): void {
    const kind = kindOf(entry);
    if (entry.path === '' || kind === undefined) return;
    for (let parent = parentOf(entry.path); parent !== '' && !this.#changes.has(parent); parent = parentOf(parent)) this.#changes.set(parent, 'modified');
    this.#changes.set(entry.path, kind);
  }

  sorted(): PathChange[] {
    const changes = [...this.#changes].map(([path, kind]) => ({ path: Buffer.from(path, 'latin1').toString('utf8'), kind }));
    return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** Undefined: it is as it was. */
function kindOf({ flags, mode }: FileEntry): PathChange['kind'] | undefined {
  const inImage = (flags & entryFlags.inImage) !== 0;
  if (flags & entryFlags.whiteout) return inImage ? 'deleted' : undefined;
  if (!inImage) return 'added';
  const isUntouched = (mode & S_IF.MT) === S_IF.DIR && flags & entryFlags.asInImage && !(flags & entryFlags.opaque);
  return isUntouched ? undefined : 'modified';
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
