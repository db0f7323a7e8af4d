import { NetlinkListener } from './netlink-listener.js';
import { netlinkProtocol, readAttributes, type Netlink, type NetlinkAnswer } from './netlink.js';
import { routeMessage } from './rtnetlink.js';

/** RTMGRP_*: links, neighbours, addresses, routes and rules of both families (linux/rtnetlink.h). */
const groups = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000;

/**
 * Hears whether somebody else changed links, addresses, routes, neighbours or rules of a namespace.
 *
 * It is a hint only: some of our own changes are told as if they were the kernel's. What is really different, a look at all of it tells.
 */
export class RouteWatch {
  readonly #listener: NetlinkListener;

  /**
   * Made in the namespace to watch, of which `own` is our socket. With `linkIndex`, only what concerns that link counts:
   * in a host's namespace much goes on that is none of our business.
   */
  constructor(
    private readonly own: Netlink,
    private readonly linkIndex?: () => number | undefined,
    private readonly linkGone?: () => void,
  ) {
    this.#listener = new NetlinkListener(netlinkProtocol.route, groups);
  }

  /** Whether there was a change since the last call. */
  takeHint(): boolean {
    const link = this.linkIndex?.();
    let isHint = false;
    const isComplete = this.#listener.drain((message) => {
      const isOurs = link !== undefined && concerns(message, link);
      if (isOurs && message.type === routeMessage.deleteLink) this.linkGone?.();
      isHint ||= message.portId !== this.own.portId && (isOurs || !this.linkIndex);
    });
    return isHint || !isComplete;
  }

  close(): void {
    this.#listener.close();
  }
}

function concerns({ type, body }: NetlinkAnswer, link: number): boolean {
  switch (type) {
    case routeMessage.newLink:
    case routeMessage.deleteLink:
    case routeMessage.newAddress:
    case routeMessage.deleteAddress:
      return body.readInt32LE(4) === link;
    case routeMessage.newRoute:
    case routeMessage.deleteRoute:
      return readAttributes(body.subarray(12)).get(4)?.readInt32LE(0) === link;
    default:
      return false;
  }
}
