import { closeSync } from 'node:fs';
import { Bug } from '../../base/src/index.js';
import { addressFamily, bindNetlink, errnos, netlinkPortId, openSocket, receive, send, setSocketOption, socketType, SystemError } from './syscalls.js';

/**
 * A netlink socket. It keeps the namespace it was opened in, whatever its thread does later.
 * The kernel answers route requests inside `send`, so reading never waits.
 */

export interface NetlinkMessage {
  type: number;
  /** Beside REQUEST and ACK. */
  flags: number;
  body: Buffer;
  /** For the error's text: `add route 10.0.0.0/24`. */
  what: string;
  /** Errors that mean the wanted state is already there. */
  accept?: readonly number[];
}

export const netlinkFlag = { request: 1, ack: 4, replace: 0x100, exclusive: 0x200, create: 0x400, dump: 0x300 } as const;

const messageType = { error: 2, done: 3 } as const;
const headerLength = 16;
export const netlinkProtocol = { route: 0, netfilter: 12, generic: 16 } as const;
const netlinkLevel = 270;
const option = { capAck: 10, extAck: 11 } as const;
/** Acknowledgements of one batch must fit the socket's receive buffer (208 KiB by default). */
const maxBatch = 100;

/** Of all sockets: what is read is taken out before anything else of this thread runs. */
const receiveBuffer = Buffer.alloc(256 * 1024);

export class Netlink {
  readonly #fd: number;
  /** By it the kernel tells in its notifications who made a change. */
  readonly portId: number;
  #sequence = 1;

  /** Opens it in the namespace the thread is in now. */
  constructor(protocol: number = netlinkProtocol.route) {
    this.#fd = openSocket(addressFamily.netlink, socketType.raw, protocol);
    setSocketOption(this.#fd, netlinkLevel, option.capAck, 1);
    setSocketOption(this.#fd, netlinkLevel, option.extAck, 1);
    bindNetlink(this.#fd, 0);
    this.portId = netlinkPortId(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Does one after the other. Throws the first failure, after all were tried: each is wanted for itself. */
  request(messages: readonly NetlinkMessage[]): void {
    let failure: Error | undefined;
    for (let start = 0; start < messages.length; start += maxBatch) {
      failure ??= this.#batch(messages.slice(start, start + maxBatch));
    }
    if (failure) throw failure;
  }

  /** nfnetlink: all of it at once, or nothing and the first failure. `subsystem`: whose messages these are. */
  transact(messages: readonly NetlinkMessage[], subsystem: number): void {
    const [begin, end] = [16, 17].map((type): NetlinkMessage => ({ type, flags: 0, body: Buffer.from([0, 0, 0, subsystem]), what: 'transaction' })) as [NetlinkMessage, NetlinkMessage];
    const failure = this.#exchange([begin, ...messages, end], (message) => message !== begin && message !== end);
    if (failure) throw failure;
  }

  /** Bodies of all objects that the kernel lists. */
  dump(type: number, body: Buffer): Buffer[] {
    const sequence = this.#sequence++;
    send(this.#fd, frame({ type, flags: netlinkFlag.dump, body, what: 'dump' }, sequence, 0));
    const bodies: Buffer[] = [];
    for (;;) {
      for (const answer of this.#read()) {
        if (answer.sequence !== sequence) continue;
        if (answer.type === messageType.done) return bodies;
        if (answer.type === messageType.error) throw new SystemError('netlink dump', -answer.body.readInt32LE(0), `type ${type}`);
        bodies.push(Buffer.from(answer.body));
      }
    }
  }

  /** The one object that `body` names; `undefined` when there is none. */
  get(type: number, body: Buffer): Buffer | undefined {
    const sequence = this.#sequence++;
    send(this.#fd, frame({ type, flags: 0, body, what: 'get' }, sequence, 0));
    const answer = this.#read().find((candidate) => candidate.sequence === sequence);
    return answer && answer.type !== messageType.error ? Buffer.from(answer.body) : undefined;
  }

  #batch(messages: readonly NetlinkMessage[]): Error | undefined {
    return this.#exchange(messages, () => true);
  }

  /** Of those that are not acknowledged only failures are heard, and before the others' answers. */
  #exchange(messages: readonly NetlinkMessage[], isAcknowledged: (message: NetlinkMessage) => boolean): Error | undefined {
    const first = this.#sequence;
    this.#sequence += messages.length;
    send(this.#fd, Buffer.concat(messages.map((message, i) => frame(message, first + i, isAcknowledged(message) ? netlinkFlag.ack : 0))));
    let failure: Error | undefined;
    for (let left = messages.filter(isAcknowledged).length; left > 0; ) {
      for (const answer of this.#read()) {
        const message = messages[answer.sequence - first];
        if (!message || answer.type !== messageType.error) continue;
        if (isAcknowledged(message)) left--;
        const errno = -answer.body.readInt32LE(0);
        if (errno !== 0 && !message.accept?.includes(errno)) failure ??= requestError(message, errno, answer.body);
      }
    }
    return failure;
  }

  #read(): NetlinkAnswer[] {
    return splitMessages(receiveBuffer.subarray(0, receive(this.#fd, receiveBuffer)));
  }
}

export interface NetlinkAnswer {
  type: number;
  sequence: number;
  /** Of the socket that asked for it; 0: the kernel's own doing. */
  portId: number;
  /** Valid until the next read. */
  body: Buffer;
}

export function splitMessages(bytes: Buffer): NetlinkAnswer[] {
  const answers = [];
  for (let at = 0; at + headerLength <= bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    if (size < headerLength) throw new Bug(`netlink message of ${size} bytes`);
    answers.push({
      type: bytes.readUInt16LE(at + 4),
      sequence: bytes.readUInt32LE(at + 8),
      portId: bytes.readUInt32LE(at + 12),
      body: bytes.subarray(at + headerLength, at + size),
    });
    at += align(size);
  }
  return answers;
}

function requestError(message: NetlinkMessage, errno: number, body: Buffer): Error {
  const errorHeader = 4 + headerLength;
  const extended = readAttributes(body.subarray(errorHeader)).get(1)?.toString('utf8').replace(/\0$/, '');
  return new SystemError('netlink', errno, extended ? `${message.what} (${extended})` : message.what);
}

function frame(message: NetlinkMessage, sequence: number, extraFlags: number): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt32LE(headerLength + message.body.length, 0);
  header.writeUInt16LE(message.type, 4);
  header.writeUInt16LE(netlinkFlag.request | extraFlags | message.flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, message.body, Buffer.alloc(align(message.body.length) - message.body.length)]);
}

function align(length: number): number {
  return (length + 3) & ~3;
}

export function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(align(4 + value.length));
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

/** By type; of several of one type the last. */
export function readAttributes(bytes: Buffer): Map<number, Buffer> {
  return new Map(eachAttribute(bytes));
}

/** The values of a list, whose types say nothing. */
export function listAttributes(bytes: Buffer): Buffer[] {
  return [...eachAttribute(bytes)].map(([, value]) => value);
}

function* eachAttribute(bytes: Buffer): Iterable<[number, Buffer]> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    const flagBits = 0xc000;
    yield [bytes.readUInt16LE(at + 2) & ~flagBits, bytes.subarray(at + 4, at + length)];
    at += align(length);
  }
}

export function isErrno(error: unknown, ...names: string[]): error is SystemError {
  return error instanceof SystemError && names.some((name) => errnos[name] === error.errno);
}
