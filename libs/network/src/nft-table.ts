/** An nftables table of family inet as a value, its text, and the text that turns one value into another. */

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
  if (!before || skeleton(before) !== skeleton(after)) return renderTable(after);
  const oldChains = new Map(before.chains.map((chain) => [chain.name, chain]));
  const newChains = new Set(after.chains.map((chain) => chain.name));
  const changed = after.chains.filter((chain) => chain.rules.join('\n') !== oldChains.get(chain.name)?.rules.join('\n'));
  const path = `inet ${after.name}`;
  const setChanges = after.sets.map((set, i) => changeElements(before.sets[i]!, set, path));
  return [
    ...after.chains.filter((chain) => !oldChains.has(chain.name)).map((chain) => `add chain ${path} ${chain.name}`),
    ...changed.flatMap((chain) => [
      ...(oldChains.has(chain.name) ? [`flush chain ${path} ${chain.name}`] : []),
      ...chain.rules.map((rule) => `add rule ${path} ${chain.name} ${rule}`),
    ]),
    ...setChanges.flatMap((change) => change.removals),
    ...setChanges.flatMap((change) => change.additions),
    ...before.chains.filter((chain) => !newChains.has(chain.name)).flatMap((chain) => [`flush chain ${path} ${chain.name}`, `delete chain ${path} ${chain.name}`]),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** What cannot be changed in place: set types and the chains that hang on hooks. */
function skeleton(table: NftTable): string {
  const sets = table.sets.map((set) => `${set.kind} ${set.name} ${set.spec}`);
  const hooks = table.chains.filter((chain) => chain.hook).map((chain) => `${chain.name} ${chain.hook}`);
  return [table.name, ...sets, ...hooks].join('\n');
}

function changeElements(before: NftSet, after: NftSet, path: string): { removals: string[]; additions: string[] } {
  const gone = [...before.elements].filter(([key, value]) => after.elements.get(key) !== value);
  const fresh = [...after.elements].filter(([key, value]) => before.elements.get(key) !== value);
  return {
    removals: gone.length === 0 ? [] : [`delete element ${path} ${after.name} { ${gone.map(([key]) => key).join(', ')} }`],
    additions: fresh.length === 0 ? [] : [`add element ${path} ${after.name} { ${renderElements(new Map(fresh))} }`],
  };
}

function renderElements(elements: ReadonlyMap<string, string>): string {
  return [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`)).join(', ');
}
