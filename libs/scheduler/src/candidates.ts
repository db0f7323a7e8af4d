import { labelOf, type TaskTemplate } from '../../model/src/index.js';
import { lastingFilters } from './filters.js';
import type { NodeInfo } from './node-info.js';
import type { NodeTable } from './node-table.js';
import { Ranking } from './ranking.js';

/**
 * The nodes that suit a kind of template, as a tree: one level per spread preference, a branch per value of its label
 * (nodes without the label are one branch), a ranking of nodes in every leaf.
 */
export type Branch = { children: Map<string, Branch>; ranking?: undefined } | { ranking: Ranking; children?: undefined };

/** Templates that ask the same of a node share their candidates, until a node changes. */
export class Candidates {
  readonly root: Branch;
  /** By the node's ordinal, of the nodes that are suitable: the branches from the root to its leaf. */
  readonly #paths: Branch[][] = [];

  constructor(
    suitable: readonly NodeInfo[],
    readonly descriptors: readonly string[],
  ) {
    this.root = this.#branch(suitable, 0);
    for (const info of suitable) this.#paths[info.ordinal] = this.#walk(info);
  }

  /** The branches from the root to where the node is, or would be if it were suitable. */
  pathOf(info: NodeInfo): readonly Branch[] {
    return this.#paths[info.ordinal] ?? this.#walk(info);
  }

  improved(info: NodeInfo): void {
    this.#paths[info.ordinal]?.at(-1)!.ranking!.improved(info);
  }

  #walk(info: NodeInfo): Branch[] {
    const path: Branch[] = [];
    let branch: Branch | undefined = this.root;
    for (let level = 0; branch; level++) {
      path.push(branch);
      branch = branch.children?.get(labelOf(info.node, this.descriptors[level]!));
    }
    return path;
  }

  #branch(infos: readonly NodeInfo[], level: number): Branch {
    const descriptor = this.descriptors[level];
    if (descriptor === undefined) return { ranking: new Ranking(infos) };
    const groups = new Map<string, NodeInfo[]>();
    for (const info of infos) {
      const value = labelOf(info.node, descriptor);
      const group = groups.get(value);
      if (group) group.push(info);
      else groups.set(value, [info]);
    }
    return { children: new Map([...groups].map(([value, group]) => [value, this.#branch(group, level + 1)])) };
  }
}

export function candidatesFor(table: NodeTable, template: TaskTemplate): Candidates {
  return table.candidates(signatureOf(template), (infos) => {
    const suitable = infos.filter((info) => lastingFilters.every((filter) => filter.accepts({ template, hostPorts: [], tasksOn: noTasks, nearby: [] }, info)));
    return new Candidates(suitable, template.placement?.preferences.map(({ spread }) => spread) ?? []);
  });
}

const noTasks: ReadonlyMap<NodeInfo, number> = new Map();

const signatures = new WeakMap<TaskTemplate, string>();

/** All that the candidates depend on. */
function signatureOf(template: TaskTemplate): string {
  let signature = signatures.get(template);
  if (signature === undefined) {
    const { constraints = [], platforms = [], preferences = [] } = template.placement ?? {};
    const words = [...constraints, '', ...platforms.map(({ os, architecture }) => `${os}/${architecture}`), '', ...preferences.map(({ spread }) => spread)];
    signatures.set(template, (signature = words.join('\n')));
  }
  return signature;
}
