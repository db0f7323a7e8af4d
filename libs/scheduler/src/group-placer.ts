import type { Branch, Candidates } from './candidates.js';
import type { GroupDemand } from './demand.js';
import { changingFilters } from './filters.js';
import { Heap } from './heap.js';
import type { NodeInfo } from './node-info.js';
import type { Ranking } from './ranking.js';

/** What one group knows of a branch. */
interface BranchState {
  /** Of the service, in the whole branch. */
  tasks: number;
  isExhausted: boolean;
  leaf?: Leaf;
}

/**
 * Finds nodes for tasks of one service version, one after the other: the branch that has fewest tasks of the service, and so on
 * down; there the node with fewest tasks of the service, among those the one with the least load (or, of a service that packs, the
 * fullest one); nodes where it fails come last.
 *
 * It looks only at as many nodes as it takes or must refuse. Nodes that it has taken out of the shared rankings go back with `close`.
 */
export class GroupPlacer {
  readonly #states = new Map<Branch, BranchState>();

  constructor(
    readonly candidates: Candidates,
    readonly demand: GroupDemand,
    readonly isFailing: (info: NodeInfo) => boolean,
  ) {
    if (candidates.descriptors.length === 0) return;
    for (const [info, count] of demand.tasksOn) for (const branch of candidates.pathOf(info)) this.#stateOf(branch).tasks += count;
  }

  /** The best node that has room for one more; undefined: there is none, nor will there be for the rest of the group. */
  take(): NodeInfo | undefined {
    return this.#takeFrom(this.candidates.root);
  }

  /** The taken node got its task. */
  placed(info: NodeInfo): void {
    this.demand.tasksOn.set(info, this.countOn(info) + 1);
    const path = this.candidates.pathOf(info);
    for (const branch of path) this.#stateOf(branch).tasks++;
    this.#stateOf(path.at(-1)!).leaf!.placed(info);
  }

  countOn(info: NodeInfo): number {
    return this.demand.tasksOn.get(info) ?? 0;
  }

  close(): void {
    for (const { leaf } of this.#states.values()) leaf?.close();
  }

  #takeFrom(branch: Branch): NodeInfo | undefined {
    const state = this.#stateOf(branch);
    if (state.isExhausted) return undefined;
    const info = branch.ranking ? (state.leaf ??= this.#leafOf(branch.ranking)).take() : this.#takeFromChildren(branch.children);
    state.isExhausted = info === undefined;
    return info;
  }

  #takeFromChildren(children: ReadonlyMap<string, Branch>): NodeInfo | undefined {
    for (;;) {
      let emptiest: Branch | undefined;
      let fewest = Infinity;
      for (const child of children.values()) {
        const state = this.#stateOf(child);
        if (state.isExhausted || state.tasks >= fewest) continue;
        emptiest = child;
        fewest = state.tasks;
      }
      if (!emptiest) return undefined;
      const info = this.#takeFrom(emptiest);
      if (info) return info;
    }
  }

  #leafOf(ranking: Ranking): Leaf {
    return this.demand.strategy === 'pack' ? new PackingLeaf(ranking, this) : new SpreadingLeaf(ranking, this);
  }

  #stateOf(branch: Branch): BranchState {
    let state = this.#states.get(branch);
    if (!state) this.#states.set(branch, (state = { tasks: 0, isExhausted: false }));
    return state;
  }
}

/** The nodes of one leaf in the order in which a group takes them. */
interface Leaf {
  take(): NodeInfo | undefined;
  placed(info: NodeInfo): void;
  close(): void;
}

/** The fullest node that has room, until it has none: looks at all nodes of the leaf once. */
class PackingLeaf implements Leaf {
  readonly #order: NodeInfo[];
  #next = 0;

  constructor(
    ranking: Ranking,
    readonly group: GroupPlacer,
  ) {
    const rank = new Map(ranking.infos().map((info) => [info, Number(group.isFailing(info))]));
    this.#order = [...rank.keys()].sort((a, b) => rank.get(a)! - rank.get(b)! || b.share - a.share || b.tasks - a.tasks || a.ordinal - b.ordinal);
  }

  take(): NodeInfo | undefined {
    for (; this.#next < this.#order.length; this.#next++) {
      const info = this.#order[this.#next]!;
      if (isAccepted(this.group.demand, info)) return info;
    }
    return undefined;
  }

  placed(): void {}

  close(): void {}
}

class SpreadingLeaf implements Leaf {
  /** Out of the shared ranking for the time of the group. */
  readonly #taken: NodeInfo[] = [];
  /** With tasks of the service: behind all that have none. */
  readonly #own: Heap<NodeInfo>;
  readonly #failing: Heap<NodeInfo>;

  constructor(
    readonly ranking: Ranking,
    readonly group: GroupPlacer,
  ) {
    const compare = (a: NodeInfo, b: NodeInfo) => group.countOn(a) - group.countOn(b) || a.load - b.load;
    this.#own = new Heap(compare);
    this.#failing = new Heap(compare);
  }

  take(): NodeInfo | undefined {
    for (let info = this.ranking.take(); info; info = this.ranking.take()) {
      this.#taken.push(info);
      if (this.group.isFailing(info)) this.#failing.push(info);
      else if (this.group.demand.tasksOn.has(info)) this.#own.push(info);
      else if (this.#accepts(info)) return info;
    }
    return this.#takeFrom(this.#own) ?? this.#takeFrom(this.#failing);
  }

  placed(info: NodeInfo): void {
    (this.group.isFailing(info) ? this.#failing : this.#own).push(info);
  }

  close(): void {
    for (const info of this.#taken) this.ranking.put(info);
  }

  /** What is refused now is refused for the rest of the group: nothing is given back while it is placed. */
  #takeFrom(heap: Heap<NodeInfo>): NodeInfo | undefined {
    for (let info = heap.pop(); info; info = heap.pop()) if (this.#accepts(info)) return info;
    return undefined;
  }

  #accepts(info: NodeInfo): boolean {
    return isAccepted(this.group.demand, info);
  }
}

function isAccepted(demand: GroupDemand, info: NodeInfo): boolean {
  return changingFilters.every((filter) => filter.accepts(demand, info));
}
