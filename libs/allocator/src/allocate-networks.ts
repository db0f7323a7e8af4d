import { timestamp } from '../../base/src/index.js';
import {
  formatIp,
  formatIpNetwork,
  hasEnded,
  isInNetwork,
  lastAddress,
  overlap,
  parseIpNetwork,
  taskName,
  wholeNetwork,
  type Change,
  type ClusterView,
  type Decide,
  type DecisionContext,
  type DecisionResult,
  type IpNetwork,
  type Network,
} from '../../model/src/index.js';
import { byCreation } from './order.js';

/** Swarm's first VXLAN network identifier; the 24-bit space ends below 2^24. */
const firstVni = 4096;
/** What IPv6 calls a subnet. */
const ipv6SubnetBits = 64;

type Allocation = NonNullable<Network['allocation']>;

/** Each network without an allocation gets its subnets and a VXLAN network identifier that no other network has. */
export const allocateNetworks: Decide = (view, context) => {
  const waiting = [...view.all('network')].filter((network) => !network.allocation).sort(byCreation);
  const result: Required<Pick<DecisionResult, 'changes' | 'sentences'>> = { changes: [], sentences: [] };
  if (waiting.length === 0) return result;
  const takenNow = takenSubnets(view);
  const vnis = new Set([...view.all('network')].map((network) => network.allocation?.vni));
  for (const network of waiting) {
    const subnets = subnetsFor(network, takenNow, view);
    if (typeof subnets === 'string') {
      result.sentences.push(subnets);
      continue;
    }
    const allocation: Allocation = { subnets, vni: nextVni(vnis) };
    for (const { subnet } of subnets) takenNow.push(...taken(subnet, `network ${network.spec.name}`));
    result.changes.push(store(network, allocation, context));
    result.sentences.push(`network ${network.spec.name} gets ${subnets.map(({ subnet }) => subnet).join(' and ')}, vni ${allocation.vni}`);
  }
  return result;
};

/** Why the network has no subnet; undefined: nothing stands in the way. */
export function whyNoSubnet(view: ClusterView, network: Network): string | undefined {
  const subnets = subnetsFor(network, takenSubnets(view), view);
  return typeof subnets === 'string' ? subnets : undefined;
}

interface Taken extends IpNetwork {
  /** For people. */
  by: string;
}

/** What networks have already, and tasks that still run in a network that was removed. */
function takenSubnets(view: ClusterView): Taken[] {
  const ofNetworks = [...view.all('network')].flatMap((network) => (network.allocation?.subnets ?? []).flatMap(({ subnet }) => taken(subnet, `network ${network.spec.name}`)));
  const leaving = [...view.all('task')].filter((task) => !hasEnded(task)).flatMap((task) => task.networks.filter(({ networkId }) => !view.get('network', networkId)).map(({ address }) => ({ task, address })));
  return [...ofNetworks, ...leaving.flatMap(({ task, address }) => taken(address, `${taskName(task)}, which has not ended since its network was removed`))];
}

function taken(text: string, by: string): Taken[] {
  return blockOf(text).map((block) => ({ ...block, by }));
}

/** The block that the text names or lies in; none: it names none. */
function blockOf(text: string | undefined): IpNetwork[] {
  const parsed = text === undefined ? undefined : parseIpNetwork(text);
  return parsed ? [wholeNetwork(parsed)] : [];
}

/** The subnets, one per family at least, or the sentence that says why there are none. */
function subnetsFor(network: Network, taken: readonly Taken[], view: ClusterView): Allocation['subnets'] | string {
  const own = ownSubnets(network, taken);
  if (typeof own === 'string') return own;
  const reserved = [...taken, ...wishes(view)];
  const subnets = [...own];
  for (const bits of network.spec.ipv6 ? [32, 128] : [32]) {
    if (own.some(({ subnet }) => parseIpNetwork(subnet)!.bits === bits)) continue;
    const free = fromPools(network, bits, reserved, view);
    if (typeof free === 'string') return free;
    subnets.push(free);
  }
  return subnets;
}

function fromPools(network: Network, bits: number, reserved: readonly IpNetwork[], view: ClusterView): Allocation['subnets'][number] | string {
  const pools = (view.cluster?.addressPools ?? []).filter((pool) => parseIpNetwork(pool)?.bits === bits);
  const prefixLength = bits === 32 ? (view.cluster?.subnetBits ?? 24) : ipv6SubnetBits;
  for (const pool of pools) {
    const free = firstFree(wholeNetwork(parseIpNetwork(pool)!), prefixLength, reserved);
    if (free) return { subnet: formatIpNetwork(free), gateway: formatIp(free.address + 1n, bits) };
  }
  if (pools.length === 0) return `network ${network.spec.name} gets no subnet: the cluster has no IPv${bits === 32 ? 4 : 6} address pool; give the network a subnet of its own`;
  return `network ${network.spec.name} gets no subnet: every /${prefixLength} of ${pools.join(', ')} is in use`;
}

function ownSubnets(network: Network, taken: readonly Taken[]): Allocation['subnets'] | string {
  const subnets: Allocation['subnets'] = [];
  for (const config of network.spec.ipam?.configs ?? []) {
    for (const block of blockOf(config.subnet)) {
      const other = taken.find((candidate) => overlap(candidate, block));
      if (other) return `network ${network.spec.name} gets no subnet: ${config.subnet} overlaps with ${other.by}`;
      const gateway = config.gateway !== undefined && isInNetwork(config.gateway, block) ? config.gateway : formatIp(block.address + 1n, block.bits);
      subnets.push({ subnet: formatIpNetwork(block), gateway });
    }
  }
  return subnets;
}

/** Subnets that waiting networks ask for: nobody gets them from a pool. */
function wishes(view: ClusterView): IpNetwork[] {
  return [...view.all('network')]
    .filter((network) => !network.allocation)
    .flatMap((network) => network.spec.ipam?.configs ?? [])
    .flatMap((config) => blockOf(config.subnet));
}

function firstFree(pool: IpNetwork, prefixLength: number, reserved: readonly IpNetwork[]): IpNetwork | undefined {
  if (prefixLength < pool.prefixLength) return undefined;
  let candidate = { ...pool, prefixLength };
  for (const block of reserved.filter(({ bits }) => bits === pool.bits).sort((a, b) => (a.address < b.address ? -1 : 1))) {
    if (overlap(block, candidate)) candidate = { ...candidate, address: wholeNetwork({ ...candidate, address: lastAddress(block) }).address + (1n << BigInt(pool.bits - prefixLength)) };
  }
  return lastAddress(candidate) <= lastAddress(pool) ? candidate : undefined;
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
