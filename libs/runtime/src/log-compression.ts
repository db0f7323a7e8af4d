import { open, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateRaw, gunzip } from 'node:zlib';
import { isErrno } from '../../base/src/index.js';

const compress = promisify(deflateRaw);
const decompress = promisify(gunzip);

/** Of gzip (RFC 1952): a member with an extra field, whose one subfield `Si` holds which file it was. */
const headerBytes = 12;
const subfieldBytes = 20;
const flagExtra = 4;
const deflateMethod = 8;
const unknownSystem = 255;

/** Which file on its disk: the number alone is soon given to another one. */
export interface FileIdentity {
  ino: bigint;
  birthtimeNs: bigint;
}

/** A gzip file that tells which file it was: a reader in the middle of that one knows it again. */
export async function compressLog(data: Buffer, { ino, birthtimeNs }: FileIdentity): Promise<Buffer> {
  const header = Buffer.alloc(headerBytes + subfieldBytes);
  header.set([0x1f, 0x8b, deflateMethod, flagExtra, 0, 0, 0, 0, 0, unknownSystem]);
  header.writeUInt16LE(subfieldBytes, 10);
  header.write('Si', headerBytes, 'latin1');
  header.writeUInt16LE(subfieldBytes - 4, headerBytes + 2);
  header.writeBigUInt64LE(ino, headerBytes + 4);
  header.writeBigInt64LE(birthtimeNs, headerBytes + 12);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length >>> 0, 4);
  return Buffer.concat([header, await compress(data), trailer]);
}

export async function decompressLog(data: Buffer): Promise<Buffer> {
  return decompress(data);
}

/** Bytes of the beginning that `originalIdentity` has to see. */
export const compressedHeadBytes = headerBytes + subfieldBytes;

/** Which file it was; undefined: it does not tell. */
export function originalIdentity(head: Buffer): FileIdentity | undefined {
  const isOurs = head.length >= compressedHeadBytes && head.readUInt16BE(0) === 0x1f8b && head.toString('latin1', headerBytes, headerBytes + 2) === 'Si';
  return isOurs ? { ino: head.readBigUInt64LE(headerBytes + 4), birthtimeNs: head.readBigInt64LE(headerBytes + 12) } : undefined;
}

/** Makes a twin of each rotated file that has none, beside it, and hands it over. */
export async function compressRotated(path: string, replace: (inode: bigint, twin: string) => void): Promise<void> {
  const name = basename(path);
  for (const entry of await entriesOf(dirname(path))) {
    if (!entry.startsWith(`${name}.`) || !/^[0-9]+$/.test(entry.slice(name.length + 1))) continue;
    const rotated = join(dirname(path), entry);
    try {
      await compressOne(rotated, replace);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOSPC')) throw error; // rotated away meanwhile, or no room: it stays as it is
    }
  }
}

/**
 * Names move while we look: what is read and what is told are of one open file. The shim takes a twin some time after it was handed
 * over: until then the file still looks as if it had none. A second twin, or a first one written anew, could take the place of another file.
 */
async function compressOne(rotated: string, replace: (inode: bigint, twin: string) => void): Promise<void> {
  const file = await open(rotated, 'r');
  try {
    const identity = await file.stat({ bigint: true });
    const twin = join(dirname(rotated), `compressed-${identity.ino}-${identity.birthtimeNs}`);
    if (handedOver.has(twin)) return;
    await writeFile(twin, await compressLog(await file.readFile(), identity), { mode: 0o640 });
    remember(twin);
    replace(identity.ino, twin);
  } finally {
    await file.close();
  }
}

/** Twins that a shim has or will soon take. The oldest are forgotten: their files are long gone. */
const handedOver = new Set<string>();
const maxHandedOver = 10_000;

function remember(twin: string): void {
  handedOver.add(twin);
  if (handedOver.size > maxHandedOver) handedOver.delete(handedOver.values().next().value!);
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
