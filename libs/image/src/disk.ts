import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeError, isErrno, Temporary } from '../../base/src/index.js';

/** Names in use by this process, so that opening a second store does not take the first one's work away. */
const liveScratch = new Set<string>();

/** A scratch path inside `dir` that carries our pid: what a killed process left can be told from work in progress. */
export function scratchPath(dir: string): { path: string; release: () => void } {
  const path = join(dir, `${process.pid}-${randomBytes(8).toString('hex')}`);
  liveScratch.add(path);
  return { path, release: () => liveScratch.delete(path) };
}

/** Removes what processes that are gone left behind in a scratch directory. */
export async function sweepScratch(dir: string): Promise<void> {
  for (const name of await fs.readdir(dir)) {
    const path = join(dir, name);
    const pid = Number(name.split('-')[0]);
    const inUse = pid === process.pid ? liveScratch.has(path) : isAlive(pid);
    if (!inUse) await fs.rm(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

/** Runs `job` with a scratch path and leaves nothing there, whatever happens. A full disk becomes one clear error. */
export async function withScratch<T>(dir: string, job: (path: string) => Promise<T>): Promise<T> {
  const { path, release } = scratchPath(dir);
  try {
    return await job(path);
  } catch (error) {
    throw explainFullDisk(error, dir);
  } finally {
    await fs.rm(path, { recursive: true, force: true });
    release();
  }
}

/** Replaces a file in one step: a reader sees the old bytes or the new ones, also after a crash. */
export async function writeFileAtomically(path: string, bytes: Buffer | string, scratchDir: string): Promise<void> {
  await withScratch(scratchDir, async (scratch) => {
    const file = await fs.open(scratch, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(scratch, path);
    await syncDirectory(dirname(path));
  });
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A full disk as one clear `Temporary`; other errors as they are. */
export function explainFullDisk(error: unknown, dir: string): unknown {
  if (!isErrno(error, 'ENOSPC', 'EDQUOT')) return error;
  return new Temporary(`there is no space left on the disk that holds ${dirname(dir)}; free some there (${describeError(error)})`);
}

export async function exists(path: string): Promise<boolean> {
  return fs.lstat(path).then(
    () => true,
    (error: unknown) => {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    },
  );
}
