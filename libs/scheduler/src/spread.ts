import { labelOf } from '../../model/src/index.js';
import type { Demand } from './filters.js';
import { Heap } from './heap.js';
import type { NodeInfo } from './node-info.js';

/** This many recent failures of a service version put a node behind all others. */
const failuresThatCount = 5;

/** Which of two suitable nodes is the better one: one where it does not fail, with fewer tasks of the service, with fewer tasks, with more free. */
function compareNodes({ serviceId, templateVersion }: Demand): (a: NodeInfo, b: NodeInfo) => number {
  const failing = (info: NodeInfo) => Number(info.failuresOf(serviceId, templateVersion) >= failuresThatCount);
  return (a, b) =>
    failing(a) - failing(b) ||
    a.tasksOf(serviceId) - b.tasksOf(serviceId) ||
    a.tasks - b.tasks ||
    freeShare(b) - freeShare(a) ||
    a.node.index - b.node.index;
}

/** The scarcer of CPU and memory, as a share of the whole. */
function freeShare({ node, freeNanoCpus, freeMemoryBytes }: NodeInfo): number {
  const description = node.status.description;
  if (!description) return 0;
  return Math.min(freeNanoCpus / (description.nanoCpus || 1), freeMemoryBytes / (description.memoryBytes || 1));
}

/**
 * The suitable nodes as a tree: one level per spread preference, a branch per value of its label (nodes without the label
 * are one branch), a heap of nodes in every leaf. The next node is in the branch that has fewest tasks of the service, and so on down.
 */
export class SpreadTree {
  readonly #branches = new Map<string, SpreadTree>();
  readonly #leaf: Heap<NodeInfo> | undefined;
  readonly #descriptor: string | undefined;
  #tasks = 0;

  constructor(suitable: readonly NodeInfo[], all: readonly NodeInfo[], demand: Demand, level = 0) {
    this.#tasks = all.reduce((sum, info) => sum + info.tasksOf(demand.serviceId), 0);
    this.#descriptor = demand.template.placement?.preferences[level]?.spread;
    if (this.#descriptor === undefined) {
      this.#leaf = new Heap(suitable, compareNodes(demand));
      return;
    }
    const everyone = groupByLabel(all, this.#descriptor);
    for (const [value, group] of groupByLabel(suitable, this.#descriptor)) {
      this.#branches.set(value, new SpreadTree(group, everyone.get(value) ?? group, demand, level + 1));
    }
  }

  /** The best node for one more task that `accepts`; nodes that it refuses leave the tree. Tell `placed` when it got the task. */
  take(accepts: (info: NodeInfo) => boolean): NodeInfo | undefined {
    if (this.#leaf) return takeFrom(this.#leaf, accepts);
    for (;;) {
      const [value, branch] = this.#emptiest() ?? [];
      if (value === undefined || !branch) return undefined;
      const info = branch.take(accepts);
      if (info) return info;
      this.#branches.delete(value);
    }
  }

  /** The taken node has its task and is a candidate again. */
  placed(info: NodeInfo): void {
    this.#tasks++;
    if (this.#leaf) this.#leaf.push(info);
    else this.#branches.get(labelOf(info.node, this.#descriptor!))?.placed(info);
  }

  #emptiest(): [string, SpreadTree] | undefined {
    let best: [string, SpreadTree] | undefined;
    for (const entry of this.#branches) if (!best || entry[1].#tasks < best[1].#tasks) best = entry;
    return best;
  }
}

function takeFrom(heap: Heap<NodeInfo>, accepts: (info: NodeInfo) => boolean): NodeInfo | undefined {
  for (let info = heap.pop(); info; info = heap.pop()) if (accepts(info)) return info;
  return undefined;
}

function groupByLabel(infos: readonly NodeInfo[], descriptor: string): Map<string, NodeInfo[]> {
  const groups = new Map<string, NodeInfo[]>();
  for (const info of infos) {
    const value = labelOf(info.node, descriptor);
    const group = groups.get(value);
    if (group) group.push(info);
    else groups.set(value, [info]);
  }
  return groups;
}
