import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/**
 * The system calls of an unpacker that node:fs lacks. All take paths as bytes and follow no symbolic link at the end.
 * Failures look like those of node:fs: an Error with `code`.
 */
const libc = koffi.load('libc.so.6');
const cMknod = libc.func('int mknod(const uint8_t *path, uint32_t mode, uint64_t device)');
const cLsetxattr = libc.func('int lsetxattr(const uint8_t *path, const char *name, const uint8_t *value, size_t size, int flags)');
const cSyncfs = libc.func('int syncfs(int fd)');

export const modeCharDevice = 0o020000;
export const modeBlockDevice = 0o060000;
export const modeFifo = 0o010000;

export function mknod(path: Buffer, mode: number, major: number, minor: number): void {
  const device = (BigInt(major & 0xfff) << 8n) | (BigInt(major & ~0xfff) << 32n) | BigInt(minor & 0xff) | (BigInt(minor & ~0xff) << 12n);
  check('mknod', path, cMknod(terminated(path), mode, device) as number);
}

export function setXattr(path: Buffer, name: string, value: Buffer): void {
  check(`lsetxattr ${name}`, path, cLsetxattr(terminated(path), name, value, value.length, 0) as number);
}

/** Writes the whole file system of an open file to disk, in a thread of its own. */
export async function syncFileSystem(fd: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    cSyncfs.async(fd, (error: Error | null, result: number) => {
      if (error ?? result !== 0) reject(error ?? new Error('syncfs failed'));
      else resolve();
    });
  });
}

function terminated(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.of(0)]);
}

function check(call: string, path: Buffer, result: number): void {
  if (result !== 0) throw systemError(call, path);
}

function systemError(call: string, path: Buffer): NodeJS.ErrnoException {
  const errno = koffi.errno();
  const code = errorName(errno);
  return Object.assign(new Error(`${code}: ${call} '${path.toString()}'`), { code, errno: -errno, syscall: call });
}

function errorName(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : 'EUNKNOWN';
}
