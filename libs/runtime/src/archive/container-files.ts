/** What stands at a path of a container: `lstat`, with the names of Docker's `PathStat`. */
export interface PathStat {
  /** Last component of the path that was asked for; `/` for the root. */
  name: string;
  size: number;
  /** `st_mode`: type and permission bits, as the kernel gives them (not Go's `os.FileMode`). */
  mode: number;
  /** RFC 3339 with nanoseconds. */
  mtime: string;
  /** For a symbolic link: the absolute path in the container that it leads to, every link on the way followed. Otherwise empty. */
  linkTarget: string;
}

export interface WriteArchiveOptions {
  /** Refuse to put a directory where something else is, or something else where a directory is. */
  noOverwriteDirNonDir: boolean;
  /** What is written belongs to the container's user (`--user` or the image's), where it has one; otherwise to whom the archive says. */
  copyUidGid: boolean;
}

export interface PathChange {
  path: string;
  kind: 'modified' | 'added' | 'deleted';
}

/**
 * Files of a container that exists: created, running, paused or exited. Paths are the container's; symbolic links mean what
 * they mean inside, and none leads out. While its process lives, one sees what it sees, with every mount; afterwards its root
 * and its volumes. Throws `Refused('not-found')` for a container or path that is not there.
 */
export interface ContainerFiles {
  statPath(id: string, path: string, signal: AbortSignal): Promise<PathStat>;
  /**
   * `docker cp` from: one entry named like the path's last component, with everything below it. A path that ends in `/.` gives
   * names below `./`. The stream must be iterated to its end, or `signal` aborted, or its iterator returned.
   */
  readArchive(id: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; tar: AsyncIterable<Buffer> }>;
  /**
   * `docker cp` to: unpacks an uncompressed tar into the directory `path`, which must be there. Resolves when all of it is
   * written; what was written before a failure stays. Throws `Refused('forbidden')` for a read-only root or volume.
   */
  writeArchive(id: string, path: string, tar: AsyncIterable<Buffer>, options: WriteArchiveOptions, signal: AbortSignal): Promise<void>;
  /** `docker diff`: what differs from the image, by path. A directory counts as modified when something in it does. */
  changes(id: string, signal: AbortSignal): Promise<PathChange[]>;
  /** `docker export`: its whole root without what is mounted in it. */
  exportRoot(id: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** What the container has written, as an uncompressed OCI layer: deletions are `.wh.` entries. For `commit`. */
  writableLayer(id: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
}
