import type { NodeInfo } from './node-info.js';

/**
 * Nodes by load, least first: a binary heap that knows where each node stands. A load that has grown is noticed when its node
 * comes to the top; one that has shrunk must be told.
 */
export class Ranking {
  readonly #items: NodeInfo[] = [];
  /** The load that each item is ranked by. */
  readonly #loads: number[] = [];
  /** By the node's ordinal; -1 or absent: not in it. */
  readonly #positions: number[] = [];

  constructor(infos: Iterable<NodeInfo>) {
    for (const info of infos) this.put(info);
  }

  /** The node with the least load leaves the ranking until it is put back. */
  take(): NodeInfo | undefined {
    for (;;) {
      const first = this.#items[0];
      if (!first) return undefined;
      if (this.#loads[0] === first.load) return this.#removeFirst();
      this.#loads[0] = first.load;
      this.#sink(0);
    }
  }

  put(info: NodeInfo): void {
    this.#place(this.#items.length, info, info.load);
    this.#rise(this.#items.length - 1);
  }

  /** All that are in it now, in no order. */
  infos(): readonly NodeInfo[] {
    return this.#items;
  }

  /** The node's load has shrunk. */
  improved(info: NodeInfo): void {
    const position = this.#positions[info.ordinal] ?? -1;
    if (position < 0) return;
    this.#loads[position] = info.load;
    this.#rise(position);
  }

  #removeFirst(): NodeInfo {
    const first = this.#items[0]!;
    this.#positions[first.ordinal] = -1;
    const last = this.#items.pop()!;
    const load = this.#loads.pop()!;
    if (last !== first) {
      this.#place(0, last, load);
      this.#sink(0);
    }
    return first;
  }

  #place(position: number, info: NodeInfo, load: number): void {
    this.#items[position] = info;
    this.#loads[position] = load;
    this.#positions[info.ordinal] = position;
  }

  #rise(position: number): void {
    const info = this.#items[position]!;
    const load = this.#loads[position]!;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (this.#loads[parent]! <= load) break;
      this.#place(position, this.#items[parent]!, this.#loads[parent]!);
      position = parent;
    }
    this.#place(position, info, load);
  }

  #sink(position: number): void {
    const info = this.#items[position]!;
    const load = this.#loads[position]!;
    for (;;) {
      let least = 2 * position + 1;
      if (least >= this.#items.length) break;
      if (least + 1 < this.#items.length && this.#loads[least + 1]! < this.#loads[least]!) least++;
      if (this.#loads[least]! >= load) break;
      this.#place(position, this.#items[least]!, this.#loads[least]!);
      position = least;
    }
    this.#place(position, info, load);
  }
}
