import { timestamp } from '../../base/src/index.js';
import type { Change, ClusterView, Decide, DecisionContext, DecisionResult, IpamConfig, Network } from '../../model/src/index.js';
import { byCreation } from './order.js';
import { formatAddress, formatSubnet, overlap, parseAddress, parseSubnet, subnetAt, type Range, type Subnet } from './ipv4.js';

/** Swarm's first VXLAN network identifier; the 24-bit space ends below 2^24. */
const firstVni = 4096;

type Allocation = NonNullable<Network['allocation']>;

/** Each network without an allocation gets its subnets and a VXLAN network identifier that no other network has. */
export const allocateNetworks: Decide = (view, context) => {
  const waiting = [...view.all('network')].filter((network) => !network.allocation).sort(byCreation);
  const result: Required<Pick<DecisionResult, 'changes' | 'sentences'>> = { changes: [], sentences: [] };
  if (waiting.length === 0) return result;
  const taken = takenSubnets(view);
  const vnis = new Set([...view.all('network')].map((network) => network.allocation?.vni));
  for (const network of waiting) {
    const subnets = subnetsFor(network, taken, view);
    if (typeof subnets === 'string') {
      result.sentences.push(subnets);
      continue;
    }
    const allocation: Allocation = { subnets, vni: nextVni(vnis) };
    for (const { subnet } of subnets) taken.push({ ...parseSubnet(subnet)!, network: network.spec.name });
    result.changes.push(store(network, allocation, context));
    result.sentences.push(`network ${network.spec.name} gets ${subnets.map(({ subnet }) => subnet).join(' and ')}, vni ${allocation.vni}`);
  }
  return result;
};

interface Taken extends Range {
  network: string;
}

/** What networks have already. */
function takenSubnets(view: ClusterView): Taken[] {
  const taken: Taken[] = [];
  for (const network of view.all('network')) {
    for (const { subnet } of network.allocation?.subnets ?? []) {
      const range = parseSubnet(subnet);
      if (range) taken.push({ ...range, network: network.spec.name });
    }
  }
  return taken;
}

/** The subnets, or the sentence that says why there are none. */
function subnetsFor(network: Network, taken: readonly Taken[], view: ClusterView): Allocation['subnets'] | string {
  const own = (network.spec.ipam?.configs ?? []).filter((config) => config.subnet !== undefined && parseSubnet(config.subnet));
  if (own.length > 0) return ownSubnets(network, own, taken);
  const reserved = [...taken, ...wishes(view)];
  const pools = view.cluster?.addressPools ?? [];
  const bits = view.cluster?.subnetBits ?? 24;
  for (const pool of pools) {
    const free = firstFree(parseSubnet(pool), bits, reserved);
    if (free) return [{ subnet: formatSubnet(free), gateway: formatAddress(free.first + 1) }];
  }
  return `network ${network.spec.name} gets no subnet: every /${bits} of ${pools.join(', ')} is in use`;
}

function ownSubnets(network: Network, configs: readonly IpamConfig[], taken: readonly Taken[]): Allocation['subnets'] | string {
  const subnets: Allocation['subnets'] = [];
  for (const config of configs) {
    const range = parseSubnet(config.subnet!)!;
    const other = taken.find((candidate) => overlap(candidate, range));
    if (other) return `network ${network.spec.name} gets no subnet: ${config.subnet} overlaps with network ${other.network}`;
    const gateway = config.gateway !== undefined && parseAddress(config.gateway) !== undefined ? config.gateway : formatAddress(range.first + 1);
    subnets.push({ subnet: formatSubnet(range), gateway });
  }
  return subnets;
}

/** Subnets that waiting networks ask for: nobody gets them from a pool. */
function wishes(view: ClusterView): Range[] {
  return [...view.all('network')]
    .filter((network) => !network.allocation)
    .flatMap((network) => network.spec.ipam?.configs ?? [])
    .flatMap((config) => (config.subnet === undefined ? [] : (parseSubnet(config.subnet) ?? [])));
}

function firstFree(pool: Subnet | undefined, bits: number, reserved: readonly Range[]): Subnet | undefined {
  if (!pool || bits < pool.bits) return undefined;
  let candidate = subnetAt(pool.first, bits);
  for (const range of [...reserved].sort((a, b) => a.first - b.first)) {
    if (overlap(range, candidate)) candidate = subnetAt(range.last + 2 ** (32 - bits), bits);
  }
  return candidate.last <= pool.last ? candidate : undefined;
}

function nextVni(vnis: Set<number | undefined>): number {
  let vni = firstVni;
  while (vnis.has(vni)) vni++;
  vnis.add(vni);
  return vni;
}

function store(network: Network, allocation: Allocation, { nowMs }: DecisionContext): Change {
  return { action: 'update', kind: 'network', object: { ...network, allocation, updatedAt: timestamp(nowMs) }, expect: network.version };
}
