import { closeSync } from 'node:fs';
import { isErrno, splitMessages } from './netlink.js';
import type { NetlinkAnswer } from './netlink.js';
import { addressFamily, bindNetlink, openSocket, receive, setSocketOption, socketType } from './syscalls.js';

const solSocket = 1;
const receiveBufferForce = 33;
/** What a burst of changes may fill before we look; the kernel tells when it was not enough. */
const bufferBytes = 1024 * 1024;

/** Hears what changes in the namespace in which it was made. Asking costs a microsecond when there is nothing to hear. */
export class NetlinkListener {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(64 * 1024);

  /** `groups`: a bit per multicast group. */
  constructor(protocol: number, groups: number) {
    this.#fd = openSocket(addressFamily.netlink, socketType.raw, protocol);
    setSocketOption(this.#fd, solSocket, receiveBufferForce, bufferBytes);
    bindNetlink(this.#fd, groups);
  }

  /** Gives each message that has come to `heard`. False: more came than there was room for, so some were lost. */
  drain(heard: (message: NetlinkAnswer) => void): boolean {
    let isComplete = true;
    for (;;) {
      try {
        splitMessages(this.#buffer.subarray(0, receive(this.#fd, this.#buffer))).forEach(heard);
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) return isComplete;
        if (!isErrno(error, 'ENOBUFS')) throw error;
        isComplete = false;
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
