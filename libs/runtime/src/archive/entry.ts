import type { TarHeader, TarType } from '../../../base/src/tar/index.js';
import { Bug } from '../../../base/src/index.js';

/** One name in a container, as the shim tells it (`REPLY_ENTRY`). Paths, links and values are byte strings (`latin1`). */
export interface FileEntry {
  flags: number;
  /** `st_mode`. */
  mode: number;
  uid: number;
  gid: number;
  deviceMajor: number;
  deviceMinor: number;
  size: number;
  mtimeNs: bigint;
  path: string;
  /** Text of a symbolic link, or the earlier path of the same file. */
  link: string;
  xattrs: Map<string, string>;
}

/** `enum entry_flag` of shim/files.h. */
export const entryFlags = { hardLink: 1, whiteout: 2, opaque: 4, inImage: 8, asInImage: 16 } as const;

/** File types in `st_mode`. */
export const S_IF = { MT: 0o170000, IFO: 0o010000, CHR: 0o020000, DIR: 0o040000, BLK: 0o060000, REG: 0o100000, LNK: 0o120000 } as const;

const nsPerSecond = 1_000_000_000n;
/** Numbers in front of the path. */
const fixedBytes = 44;

export function typeOf({ flags, mode }: Pick<FileEntry, 'flags' | 'mode'>): TarType {
  if (flags & entryFlags.hardLink) return 'hard-link';
  switch (mode & S_IF.MT) {
    case S_IF.IFO:
      return 'fifo';
    case S_IF.CHR:
      return 'char-device';
    case S_IF.DIR:
      return 'directory';
    case S_IF.BLK:
      return 'block-device';
    case S_IF.REG:
      return 'file';
    case S_IF.LNK:
      return 'symlink';
    default:
      throw new Bug(`a file of the mode ${mode.toString(8)} cannot be archived`);
  }
}

export function decodeEntry(payload: Buffer): FileEntry {
  const text = (from: number) => payload.toString('latin1', from, payload.indexOf(0, from));
  const path = text(fixedBytes);
  const link = text(fixedBytes + path.length + 1);
  const xattrs = new Map<string, string>();
  let at = fixedBytes + path.length + 1 + link.length + 1;
  let count = payload.readUInt32LE(at);
  for (at += 4; count > 0; count--) {
    const name = text(at);
    const length = payload.readUInt32LE(at + name.length + 1);
    const value = at + name.length + 1 + 4;
    xattrs.set(name, payload.toString('latin1', value, value + length));
    at = value + length;
  }
  return {
    flags: payload.readUInt32LE(0),
    mode: payload.readUInt32LE(4),
    uid: payload.readUInt32LE(8),
    gid: payload.readUInt32LE(12),
    deviceMajor: payload.readUInt32LE(16),
    deviceMinor: payload.readUInt32LE(20),
    size: Number(payload.readBigUInt64LE(24)),
    mtimeNs: payload.readBigInt64LE(32) * nsPerSecond + BigInt(payload.readUInt32LE(40)),
    path,
    link,
    xattrs,
  };
}

const modeOf: Record<TarType, number> = {
  file: S_IF.REG,
  'hard-link': S_IF.REG,
  symlink: S_IF.LNK,
  'char-device': S_IF.CHR,
  'block-device': S_IF.BLK,
  directory: S_IF.DIR,
  fifo: S_IF.IFO,
};

/** What the shim is to make of an entry of a tar (`OP_FILES_ENTRY`), at `path`. */
export function encodeEntry(header: TarHeader, path: string, link: string, owner: { uid: number; gid: number }): Buffer {
  const numbers = Buffer.alloc(fixedBytes);
  [header.type === 'hard-link' ? 1 : 0, modeOf[header.type] | header.mode, owner.uid, owner.gid, header.deviceMajor, header.deviceMinor].forEach((value, index) => numbers.writeUInt32LE(value, 4 * index));
  numbers.writeBigUInt64LE(BigInt(header.sparse?.realSize ?? header.size), 24);
  const nanoseconds = ((header.mtimeNs % nsPerSecond) + nsPerSecond) % nsPerSecond;
  numbers.writeBigInt64LE(clampSeconds((header.mtimeNs - nanoseconds) / nsPerSecond), 32);
  numbers.writeUInt32LE(Number(nanoseconds), 40);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(header.xattrs.size);
  return Buffer.concat([numbers, text(path), text(link), count, ...[...header.xattrs].flatMap(([name, value]) => [text(name), sized(value)])]);
}

/** The kernel clamps to what its file system can hold; the field has to hold it first. */
function clampSeconds(seconds: bigint): bigint {
  return BigInt.asIntN(64, seconds) === seconds ? seconds : 0n;
}

function text(bytes: string): Buffer {
  return Buffer.from(`${bytes}\0`, 'latin1');
}

function sized(bytes: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, Buffer.from(bytes, 'latin1')]);
}
