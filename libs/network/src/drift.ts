import type { KernelItem } from './kernel-item.js';
import { describeItem, identifyItem } from './kernel-item.js';

/** Something that was found other than we had left it, and was put back. */
export interface Drift {
  kind: DriftKind;
  /** In words: `route 10.0.0.7/32 via 100.64.0.2 dev vx0`. */
  what: string;
}

export const driftKinds = ['link', 'address', 'route', 'neighbour', 'forwarding', 'rule', 'firewall', 'setting', 'container'] as const;

/** `rule`: of ip(8); `firewall`: of nft(8); `forwarding`: of bridge fdb; `setting`: a sysctl; `container`: a container's link, with its route and neighbour. */
export type DriftKind = (typeof driftKinds)[number];

export function noDrift(): Record<DriftKind, number> {
  return Object.fromEntries(driftKinds.map((kind) => [kind, 0])) as Record<DriftKind, number>;
}

const kindOf: Record<KernelItem['kind'], DriftKind> = {
  mac: 'link',
  address: 'address',
  neighbour: 'neighbour',
  forwarding: 'forwarding',
  route: 'route',
  unreachable: 'route',
  rule: 'rule',
};

/** Where what is found differs from what was left: missing, changed, or added by somebody. */
export function itemDrift(left: readonly KernelItem[], found: readonly KernelItem[]): Drift[] {
  const there = new Set(found.map(describeItem));
  const ours = new Set(left.map(identifyItem));
  return [
    ...left.filter((item) => !there.has(describeItem(item))).map((item) => ({ kind: kindOf[item.kind], what: describeItem(item) })),
    ...found.filter((item) => !ours.has(identifyItem(item))).map((item) => ({ kind: kindOf[item.kind], what: `${describeItem(item)}, which is not ours` })),
  ];
}
