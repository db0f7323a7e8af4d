/** An nftables table of family inet as a value, its text, and the text that turns one value into another. */

import type { Family } from './addresses.js';

/** Mark of published connections whose tasks shall see the node instead of the client. Lacks the bit by which replies are routed to another node. */
export const maskedMark = '0x40000';

/** What nftables calls the protocol of a family. */
export const protocolWord: Record<Family, string> = { 4: 'ip', 6: 'ip6' };

export interface NftTable {
  name: string;
  sets: NftSet[];
  chains: NftChain[];
}

export interface NftSet {
  kind: 'set' | 'map';
  name: string;
  /** `type ipv4_addr; flags interval;` */
  spec: string;
  /** By key; the value of a map's element, '' in a set. */
  elements: ReadonlyMap<string, string>;
}

export interface NftChain {
  name: string;
  /** `type nat hook prerouting priority dstnat; policy accept;` Absent: reached by jumps only. */
  hook?: string;
  rules: string[];
}

/** One transaction after which the table is exactly this one, whatever it was before. */
export function renderTable(table: NftTable): string {
  const sets = table.sets.flatMap((set) => [
    `\t${set.kind} ${set.name} {`,
    `\t\t${set.spec}`,
    ...(set.elements.size === 0 ? [] : [`\t\telements = { ${renderElements(set.elements)} }`]),
    '\t}',
  ]);
  const chains = table.chains.flatMap((chain) => [
    `\tchain ${chain.name} {`,
    ...(chain.hook ? [`\t\t${chain.hook}`] : []),
    ...chain.rules.map((rule) => `\t\t${rule}`),
    '\t}',
  ]);
  return [renderRemoval(table.name) + `table inet ${table.name} {`, ...sets, ...chains, '}', ''].join('\n');
}

/** Removes the table whether it exists or not. */
export function renderRemoval(name: string): string {
  return `add table inet ${name}\ndelete table inet ${name}\n`;
}

/** One transaction from `before` to `after`, as small as the difference. Empty when they are equal. */
export function renderChange(before: NftTable | undefined, after: NftTable): string {
  if (!before || !canGrowInto(before, after)) return renderTable(after);
  const [oldChains, newChains] = [byName(before.chains), byName(after.chains)];
  const [oldSets, newSets] = [byName(before.sets), byName(after.sets)];
  const changed = after.chains.filter((chain) => chain.rules.join('\n') !== oldChains.get(chain.name)?.rules.join('\n'));
  const goneChains = before.chains.filter((chain) => !newChains.has(chain.name));
  const path = `inet ${after.name}`;
  const setChanges = after.sets.map((set) => changeElements(oldSets.get(set.name), set, path));
  return [
    ...after.sets.filter((set) => !oldSets.has(set.name)).map((set) => `add ${set.kind} ${path} ${set.name} { ${set.spec} }`),
    ...after.chains.filter((chain) => !oldChains.has(chain.name)).map((chain) => `add chain ${path} ${chain.name}`),
    ...changed.flatMap((chain) => [
      ...(oldChains.has(chain.name) ? [`flush chain ${path} ${chain.name}`] : []),
      ...chain.rules.map((rule) => `add rule ${path} ${chain.name} ${rule}`),
    ]),
    ...setChanges.flatMap((change) => change.removals),
    ...setChanges.flatMap((change) => change.additions),
    ...goneChains.map((chain) => `flush chain ${path} ${chain.name}`), // all of them first: one may lead to another
    ...goneChains.map((chain) => `delete chain ${path} ${chain.name}`),
    ...before.sets.filter((set) => !newSets.has(set.name)).map((set) => `delete ${set.kind} ${path} ${set.name}`),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** The types of sets and the chains that hang on hooks cannot be changed in place. */
function canGrowInto(before: NftTable, after: NftTable): boolean {
  const oldSets = byName(before.sets);
  const sameType = after.sets.every((set) => {
    const old = oldSets.get(set.name);
    return !old || `${old.kind} ${old.spec}` === `${set.kind} ${set.spec}`;
  });
  const hooks = ({ chains }: NftTable) => chains.filter((chain) => chain.hook).map((chain) => `${chain.name} ${chain.hook}`).join('\n');
  return before.name === after.name && sameType && hooks(before) === hooks(after);
}

function byName<T extends { name: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

function changeElements(before: NftSet | undefined, after: NftSet, path: string): { removals: string[]; additions: string[] } {
  const had = before?.elements ?? new Map<string, string>();
  const gone = [...had].filter(([key, value]) => after.elements.get(key) !== value);
  const fresh = [...after.elements].filter(([key, value]) => had.get(key) !== value);
  return {
    removals: gone.length === 0 ? [] : [`delete element ${path} ${after.name} { ${gone.map(([key]) => key).join(', ')} }`],
    additions: fresh.length === 0 ? [] : [`add element ${path} ${after.name} { ${renderElements(new Map(fresh))} }`],
  };
}

function renderElements(elements: ReadonlyMap<string, string>): string {
  return [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`)).join(', ');
}
