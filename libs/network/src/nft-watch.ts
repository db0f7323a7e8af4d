import { NetlinkListener } from './netlink-listener.js';
import { netlinkProtocol, readAttributes } from './netlink.js';

/** NFNLGRP_NFTABLES, as a bit. */
const group = 1 << 6;
const subsystem = 10;
const newGeneration = 15;
/** NFT_MSG_* of linux/netfilter/nf_tables.h: what a transaction made or took away. */
const kinds: Record<number, NftObject> = { 0: 'table', 2: 'table', 3: 'chain', 5: 'chain', 6: 'rule', 8: 'rule', 9: 'set', 11: 'set', 12: 'element', 14: 'element' };

export type NftObject = 'table' | 'chain' | 'rule' | 'set' | 'element';

/** Objects that somebody else changed, by table. */
export type NftTouches = ReadonlyMap<string, ReadonlyMap<NftObject, number>>;

/**
 * Hears which tables of a namespace others change, transaction by transaction: the kernel tells what was changed, then the
 * number of the generation that it made. Ours are told apart by that number.
 */
export class NftWatch {
  readonly #listener = new NetlinkListener(netlinkProtocol.netfilter, group);
  #open: [table: string, object: NftObject][] = [];
  #foreign = new Map<string, Map<NftObject, number>>();
  #isOverrun = false;

  /** Must be called before a transaction of ours: what came until then is not ours. */
  hear(): void {
    this.#isOverrun ||= !this.#drain(undefined);
  }

  /** After a transaction of ours, which made this generation. `undefined`: others were at it meanwhile, and nobody can tell which is ours. */
  hearOwn(generation: number | undefined): void {
    const isComplete = this.#drain(generation);
    if (generation !== undefined) this.#open = []; // whatever was lost was part of ours
    else this.#isOverrun ||= !isComplete;
  }

  /** What others changed since the last call. `undefined`: more than could be heard. */
  take(): NftTouches | undefined {
    this.hear();
    const [taken, isOverrun] = [this.#foreign, this.#isOverrun];
    this.#foreign = new Map();
    this.#isOverrun = false;
    return isOverrun ? undefined : taken;
  }

  close(): void {
    this.#listener.close();
  }

  #drain(own: number | undefined): boolean {
    return this.#listener.drain(({ type, body }) => {
      if (type >> 8 !== subsystem) return;
      const attributes = readAttributes(body.subarray(4));
      if ((type & 0xff) !== newGeneration) {
        const [table, object] = [attributes.get(1)?.toString('utf8').replace(/\0.*$/, ''), kinds[type & 0xff]];
        if (table !== undefined && object) this.#open.push([table, object]);
        return;
      }
      if (attributes.get(1)?.readUInt32BE(0) !== own) for (const [table, object] of this.#open) this.#count(table, object);
      this.#open = [];
    });
  }

  #count(table: string, object: NftObject): void {
    const counts = this.#foreign.get(table) ?? new Map<NftObject, number>();
    this.#foreign.set(table, counts.set(object, (counts.get(object) ?? 0) + 1));
  }
}
