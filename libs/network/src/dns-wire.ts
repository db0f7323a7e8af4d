import { addressBytes, familyOf } from './addresses.js';
import type { DnsRecord } from './dns-answers.js';

/** DNS messages as RFC 1035 and RFC 6891 (EDNS) have them: of questions what a nameserver must read, of answers what ours says. */

export interface DnsQuestion {
  id: number;
  recursionDesired: boolean;
  /** As it was asked, without the last dot. Undefined: a label holds a dot or a zero, which no name of ours does. */
  name: string | undefined;
  type: number;
  class: number;
  /** The bytes of name, type and class, which the answer repeats. */
  section: Buffer;
  /** Absent: the client knows no EDNS. */
  edns?: { datagramBytes: number; version: number };
}

export const recordType = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const internetClass = 1;
export const responseCode = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, badVersion: 16 } as const;

const headerBytes = 12;
const maxNameBytes = 255;
const maxLabelBytes = 63;
const flag = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 } as const;
const operationMask = 0x7800;
const toQuestionName = 0xc000 | headerBytes;

/**
 * The question of a message; `undefined` when it is none, so that nobody waits for an answer; a response code when
 * whoever sent it waits, but cannot be answered.
 */
export function readQuestion(bytes: Buffer): DnsQuestion | number | undefined {
  if (bytes.length < headerBytes) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.response) !== 0) return undefined;
  if ((flags & operationMask) !== 0) return responseCode.notImplemented;
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0) return responseCode.formatError;

  const end = endOfName(bytes, headerBytes);
  if (end === undefined || end + 4 > bytes.length) return responseCode.formatError;
  const edns = additionals === 0 ? undefined : readEdns(bytes, end + 4);
  if (edns === 'malformed') return responseCode.formatError;
  return {
    id: bytes.readUInt16BE(0),
    recursionDesired: (flags & flag.recursionDesired) !== 0,
    name: nameText(bytes, headerBytes, end - 1),
    type: bytes.readUInt16BE(end),
    class: bytes.readUInt16BE(end + 2),
    section: bytes.subarray(headerBytes, end + 4),
    ...(edns && { edns }),
  };
}

/** After its last, empty label. In a question nothing came before that a name could point to: pointers are malformed. */
function endOfName(bytes: Buffer, start: number): number | undefined {
  for (let at = start; at < bytes.length && at - start < maxNameBytes; ) {
    const length = bytes[at]!;
    if (length === 0) return at + 1;
    if (length > maxLabelBytes) return undefined;
    at += length + 1;
  }
  return undefined;
}

function nameText(bytes: Buffer, start: number, end: number): string | undefined {
  let text = '';
  for (let at = start; at < end; ) {
    const length = bytes[at]!;
    const label = bytes.toString('latin1', at + 1, at + 1 + length);
    if (label.includes('.') || label.includes('\0')) return undefined;
    text += text === '' ? label : `.${label}`;
    at += length + 1;
  }
  return text;
}

/** The first additional record is looked at; others, such as signatures, concern only whom it is forwarded to. */
function readEdns(bytes: Buffer, at: number): DnsQuestion['edns'] | 'malformed' | undefined {
  const rootRecordBytes = 11;
  if (at + rootRecordBytes > bytes.length) return 'malformed';
  if (bytes[at] !== 0 || bytes.readUInt16BE(at + 1) !== recordType.OPT) return undefined;
  return { datagramBytes: bytes.readUInt16BE(at + 3), version: bytes[at + 6]! };
}

/** An answer of at most `limit` bytes, with as many of the records as fit; that some are missing it says. */
export function writeAnswer(question: DnsQuestion, records: readonly DnsRecord[], code: number, limit: number): Buffer {
  const { section, edns } = question;
  const packed = records.map(packRecord);
  let room = limit - headerBytes - section.length - (edns ? ednsBytes : 0);
  let count = 0;
  while (count < packed.length && packed[count]!.length <= room) room -= packed[count++]!.length;
  const flags =
    flag.response | flag.authoritative | flag.recursionAvailable | (question.recursionDesired ? flag.recursionDesired : 0) | (count < packed.length ? flag.truncated : 0) | (code & 0xf);
  return Buffer.concat([header(question.id, flags, [1, count, 0, edns ? 1 : 0]), section, ...packed.slice(0, count), ...(edns ? [packEdns(code)] : [])]);
}

/** To a message that could not be read further than its header. */
export function writeFailure(message: Buffer, code: number): Buffer {
  const flags = message.readUInt16BE(2) & (operationMask | flag.recursionDesired);
  return header(message.readUInt16BE(0), flag.response | flags | code, [0, 0, 0, 0]);
}

function header(id: number, flags: number, counts: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes);
  [id, flags, ...counts].forEach((value, i) => bytes.writeUInt16BE(value, 2 * i));
  return bytes;
}

function packRecord(record: DnsRecord): Buffer {
  const data = record.type === 'PTR' ? packName(record.data) : packAddress(record.data);
  const fixedBytes = 12;
  const bytes = Buffer.allocUnsafe(fixedBytes + data.length);
  bytes.writeUInt16BE(toQuestionName, 0);
  bytes.writeUInt16BE(recordType[record.type], 2);
  bytes.writeUInt16BE(internetClass, 4);
  bytes.writeUInt32BE(record.ttl, 6);
  bytes.writeUInt16BE(data.length, 10);
  data.copy(bytes, fixedBytes);
  return bytes;
}

/** IPv4, nearly all, without the detour by big numbers. */
function packAddress(address: string): Buffer {
  return familyOf(address) === 4 ? Buffer.from(address.split('.').map(Number)) : addressBytes(address);
}

/** Labels that are too long are cut: a name that cannot be said is better told in part than not at all. */
function packName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '').map((label) => Buffer.from(label, 'latin1').subarray(0, maxLabelBytes));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);
}

/** What an asker may send us in one datagram; the upper bits of the code travel in it. */
const ourDatagramBytes = 1232;
const ednsBytes = 11;

function packEdns(code: number): Buffer {
  const bytes = Buffer.alloc(ednsBytes);
  bytes.writeUInt16BE(recordType.OPT, 1);
  bytes.writeUInt16BE(ourDatagramBytes, 3);
  bytes.writeUInt8(code >> 4, 5);
  return bytes;
}
