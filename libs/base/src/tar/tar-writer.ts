import { blockSize, type TarHeader, type TarType } from './tar-header.js';

/** What the writer needs of an entry; names and values are byte strings, as in `TarHeader`. */
export type WrittenHeader = Omit<TarHeader, 'mtimeSeconds' | 'sparse'>;

const flags: Record<TarType, string> = { file: '0', 'hard-link': '1', symlink: '2', 'char-device': '3', 'block-device': '4', directory: '5', fifo: '6' };
const maxName = 100;
const maxOctal8 = 0o7777777;
const maxOctal12 = 0o77777777777;
const nsPerSecond = 1_000_000_000n;

/**
 * The blocks in front of an entry's content: a ustar header, and an extended one (POSIX.1-2001) before it where a field does
 * not fit or says more than ustar can: long and non-ASCII names, attributes, fractions of a second, large numbers.
 */
export function encodeHeader(header: WrittenHeader): Buffer {
  const records = paxRecords(header);
  const block = headerBlock(header.name, flags[header.type], header);
  if (records.length === 0) return block;
  const extension = { ...header, mode: 0o644, uid: 0, gid: 0, size: records.length, mtimeNs: 0n, linkName: '', deviceMajor: 0, deviceMinor: 0 };
  return Buffer.concat([headerBlock(`PaxHeaders/${lastOf(header.name)}`, 'x', extension), records, padding(records.length), block]);
}

/** Zeros after content of `size` bytes. */
export function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** Two empty blocks. */
export function endOfArchive(): Buffer {
  return Buffer.alloc(2 * blockSize);
}

function paxRecords(header: WrittenHeader): Buffer {
  const records: Buffer[] = [];
  const add = (key: string, value: string) => records.push(paxRecord(key, value));
  if (!fitsText(header.name)) add('path', header.name);
  if (!fitsText(header.linkName)) add('linkpath', header.linkName);
  if (header.uid > maxOctal8) add('uid', String(header.uid));
  if (header.gid > maxOctal8) add('gid', String(header.gid));
  if (header.size > maxOctal12) add('size', String(header.size));
  if (header.mtimeNs % nsPerSecond !== 0n || !fitsTime(header.mtimeNs)) add('mtime', decimalSeconds(header.mtimeNs));
  for (const [name, value] of header.xattrs) add(`SCHILY.xattr.${name}`, value);
  return Buffer.concat(records);
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.from(`${length}${rest}`, 'latin1');
}

function fitsText(text: string): boolean {
  return text.length <= maxName && /^[\x20-\x7e]*$/.test(text);
}

function fitsTime(mtimeNs: bigint): boolean {
  return mtimeNs >= 0n && mtimeNs / nsPerSecond <= BigInt(maxOctal12);
}

/** Of a time before 1970, too: the fraction has the sign of the whole. */
function decimalSeconds(mtimeNs: bigint): string {
  const positive = mtimeNs < 0n ? -mtimeNs : mtimeNs;
  const fraction = (positive % nsPerSecond).toString().padStart(9, '0').replace(/0+$/, '');
  return `${mtimeNs < 0n ? '-' : ''}${positive / nsPerSecond}${fraction === '' ? '' : `.${fraction}`}`;
}

function lastOf(name: string): string {
  return name.replace(/\/+$/, '').split('/').pop()!.replace(/[^\x20-\x7e]/g, '_').slice(0, maxName - 'PaxHeaders/'.length);
}

function headerBlock(name: string, flag: string, header: WrittenHeader): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write(name.slice(0, maxName), 0, 'latin1');
  octal(block, header.mode & 0o7777, 100, 8);
  octal(block, Math.min(header.uid, maxOctal8), 108, 8);
  octal(block, Math.min(header.gid, maxOctal8), 116, 8);
  octal(block, Math.min(header.size, maxOctal12), 124, 12);
  octal(block, fitsTime(header.mtimeNs) ? Number(header.mtimeNs / nsPerSecond) : 0, 136, 12);
  block.write('        ', 148, 'latin1'); // the checksum counts as spaces
  block.write(flag, 156, 'latin1');
  block.write(header.linkName.slice(0, maxName), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, header.deviceMajor, 329, 8);
  octal(block, header.deviceMinor, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, value: number, offset: number, length: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
}
