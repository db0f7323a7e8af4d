import { Refused } from '../errors.js';

/**
 * One tar entry. Names and attribute values are byte strings: one character (U+0000–U+00FF) per byte, as `latin1` gives,
 * because file names and `security.capability` are bytes and need not be UTF-8.
 */
export interface TarHeader {
  name: string;
  type: TarType;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content in the archive. */
  size: number;
  /** Seconds since the epoch, with fractions. */
  mtimeSeconds: number;
  /** The same in nanoseconds, exactly. */
  mtimeNs: bigint;
  linkName: string;
  deviceMajor: number;
  deviceMinor: number;
  /** Name without the `SCHILY.xattr.` prefix → value. */
  xattrs: Map<string, string>;
  /** Pieces that the content consists of; absent: one piece from 0. */
  sparse?: { pieces: SparsePiece[]; realSize: number };
}

export interface SparsePiece {
  offset: number;
  length: number;
}

export type TarType = 'file' | 'hard-link' | 'symlink' | 'char-device' | 'block-device' | 'directory' | 'fifo';

export type Pax = Map<string, string>;

export const blockSize = 512;

const types: Record<string, TarType> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file', // "contiguous": no file system cares any more
  S: 'file', // old GNU sparse
  '1': 'hard-link',
  '2': 'symlink',
  '3': 'char-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

export function typeFlag(block: Buffer): string {
  return String.fromCharCode(block[156]!);
}

/** Checks the sum that every header carries. Throws `Refused('invalid')`. */
export function checkSum(block: Buffer): void {
  let sum = 8 * 0x20; // the checksum field itself counts as spaces
  for (let i = 0; i < blockSize; i++) if (i < 148 || i >= 156) sum += block[i]!;
  if (sum !== parseInt(string(block, 148, 8), 8)) throw new Refused('invalid', 'a tar header has the wrong checksum (not a tar archive, or a damaged one)');
}

/** POSIX.1-1988 (ustar), GNU and v7 headers; `pax` values override the block's (POSIX.1-2001). */
export function parseHeader(block: Buffer, pax: Pax): TarHeader {
  const flag = typeFlag(block);
  const ustar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = ustar ? string(block, 345, 155) : '';
  const plainName = string(block, 0, 100);
  const name = pax.get('path') ?? (prefix ? `${prefix}/${plainName}` : plainName);
  const type = flag === '0' || flag === '\0' ? (name.endsWith('/') ? 'directory' : 'file') : types[flag];
  if (type === undefined) throw new Refused('invalid', `tar entry "${printable(name)}" has the unknown type "${printable(flag)}"`);

  const header: TarHeader = {
    name,
    type,
    mode: number(block, 100, 8) & 0o7777,
    uid: paxNumber(pax, 'uid') ?? number(block, 108, 8),
    gid: paxNumber(pax, 'gid') ?? number(block, 116, 8),
    size: type === 'file' ? contentSize(block, pax) : 0, // the other types have no content, whatever the field says
    mtimeSeconds: paxNumber(pax, 'mtime') ?? number(block, 136, 12),
    mtimeNs: nanoseconds(pax.get('mtime') ?? String(number(block, 136, 12))),
    linkName: pax.get('linkpath') ?? string(block, 157, 100),
    deviceMajor: number(block, 329, 8),
    deviceMinor: number(block, 337, 8),
    xattrs: new Map(),
  };
  for (const [key, value] of pax) if (key.startsWith('SCHILY.xattr.')) header.xattrs.set(key.slice('SCHILY.xattr.'.length), value);
  checkRanges(header);
  return header;
}

export function contentSize(block: Buffer, pax: Pax): number {
  const size = paxNumber(pax, 'size') ?? number(block, 124, 12);
  if (!Number.isSafeInteger(size) || size < 0) throw new Refused('invalid', 'a tar header has an impossible size');
  return size;
}

const maxId = 2 ** 32 - 2; // -1 means "leave as it is" to chown

function checkRanges(header: TarHeader): void {
  const where = `tar entry "${printable(header.name)}"`;
  for (const id of [header.uid, header.gid]) {
    if (!Number.isInteger(id) || id < 0 || id > maxId) throw new Refused('invalid', `${where} belongs to the impossible owner ${header.uid}:${header.gid}`);
  }
  if (!Number.isFinite(header.mtimeSeconds)) throw new Refused('invalid', `${where} has an impossible modification time`);
  if (/\0/.test(header.name + header.linkName)) throw new Refused('invalid', `${where} has a NUL in its name`);
}

/** Records of `length key=value\n`. Later ones win; an empty value takes a key away. */
export function parsePax(body: Buffer, base: Pax): Pax {
  const pax = new Map(base);
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, space);
    const length = Number(digits);
    const end = at + length;
    if (!/^[0-9]{1,10}$/.test(digits) || end > body.length || end <= space + 1 || body[end - 1] !== 0x0a) throw new Refused('invalid', 'an extended tar header is damaged');
    const equals = body.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end) throw new Refused('invalid', 'an extended tar header has a record without "="');
    const key = body.toString('latin1', space + 1, equals);
    const value = body.toString('latin1', equals + 1, end - 1);
    if (value === '') pax.delete(key);
    else pax.set(key, value);
    at = end;
  }
  return pax;
}

function paxNumber(pax: Pax, key: string): number | undefined {
  const value = pax.get(key);
  if (value === undefined) return undefined;
  if (!/^-?[0-9]{1,20}(\.[0-9]*)?$/.test(value)) throw new Refused('invalid', `an extended tar header has the impossible ${key} "${printable(value)}"`);
  return Number(value);
}

/** `-1.5` is one and a half second before the epoch. What is no number was refused before. */
function nanoseconds(seconds: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(seconds) ?? [];
  if (whole === undefined) return 0n;
  const value = BigInt(whole) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -value : value;
}

function string(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString('latin1', offset, end < 0 || end > offset + length ? offset + length : end);
}

/** Octal digits, or GNU's base-256 when the first bit is set. */
export function number(block: Buffer, offset: number, length: number): number {
  const first = block[offset]!;
  if (first & 0x80) {
    let value = first & 0x40 ? -1n : 0n;
    value = (value << 6n) | BigInt(first & 0x3f);
    for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[offset + i]!);
    return Number(value);
  }
  const digits = string(block, offset, length).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw new Refused('invalid', 'a tar header has a number that is none');
  return parseInt(digits, 8);
}

/** A byte string for people: UTF-8 where it is, control characters escaped, at most 200 characters. */
export function printable(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text).slice(1, -1);
}
