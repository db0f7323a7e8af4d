import type { AssignedNetwork, AssignedPeer, AssignedService } from '../../model/src/index.js';
import { families, familyOf, nodeMac, nodeMark, type Family } from './addresses.js';
import { hookChains, protocolWord } from './mesh-hooks.js';
import type { NodeNetworkView } from './network.js';
import type { NftChain, NftSet, NftTable } from './nft-table.js';
import { subnetOf } from './subnets.js';
import { hostModePorts, portKey, protocolNumber, publishedAddress, publishedPorts, ready, type PublishedPort } from './published-ports.js';

/**
 * The table of the mesh's namespace: service addresses, published ports, isolation, outbound translation.
 *
 * Links there: `c…` containers, `vx0` other nodes, `up0` the host. A packet passes the chains in this order:
 * `source_check` → `way_back` → `translate` → `unreachable` → routing → `forward` or `input` → `translate_source`.
 */
export function meshTable(view: NodeNetworkView, dataPathAddress: string): NftTable {
  const peers = othersOf(view);
  return {
    name: 'mesh',
    sets: [
      map('nodemac', 'type ether_addr : mark;', peers.map((peer) => [nodeMac(peer.index), hex(nodeMark(peer.index))])),
      map('nodezone', 'typeof ether saddr : ct zone;', peers.map((peer) => [nodeMac(peer.index), String(peer.index)])),
      ...families.flatMap((family) => familySets(view, dataPathAddress, family)),
    ],
    chains: [
      ...hookChains(view.self.index),
      ...view.services.flatMap(serviceChains),
      ...families.flatMap((family) => [
        ...publishedPorts(view.services, family).map((port): NftChain => ({ name: portChain('pub', port, family), rules: spreadPorts(port.targets, family) })),
        ...hostModePorts(view, family).map((port): NftChain => ({ name: portChain('hostpub', port, family), rules: spreadPorts(port.targets, family) })),
      ]),
    ],
  };
}

function othersOf({ self, peers }: NodeNetworkView): AssignedPeer[] {
  return peers.filter((peer) => peer.nodeId !== self.nodeId);
}

/** What the rules look up, for one family. */
function familySets(view: NodeNetworkView, dataPathAddress: string, family: Family): NftSet[] {
  const { self, networks, services } = view;
  const ownPeer = view.peers.find((peer) => peer.nodeId === self.nodeId);
  const own = ofFamily([dataPathAddress, ...(ownPeer ? [ownPeer.address, ownPeer.dataPathAddress] : [])], family);
  const others = ofFamily(othersOf(view).flatMap((peer) => [peer.address, peer.dataPathAddress]), family);
  const subnets = (list: readonly AssignedNetwork[]) => ofFamily(list.flatMap((network) => network.subnets.map(({ subnet }) => subnet)), family);
  const address = `ipv${family}_addr`;
  const verdicts = 'type inet_proto . inet_service : verdict;';
  return [
    map(`vip${family}`, `type ${address} : verdict;`, services.flatMap(virtualAddresses).filter((vip) => familyOf(vip.address) === family).map((vip) => [vip.address, `goto ${vip.chain}`])),
    map(`pub${family}`, verdicts, publishedPorts(services, family).map((port) => [portKey(port), `goto ${portChain('pub', port, family)}`])),
    map(`hostpub${family}`, verdicts, hostModePorts(view, family).map((port) => [portKey(port), `goto ${portChain('hostpub', port, family)}`])),
    set(`nodeips${family}`, `type ${address};`, [...others, ...own]),
    set(`selfips${family}`, `type ${address};`, own),
    set(`samenet${family}`, `type ${address} . ${address}; flags interval;`, sameNetworks(networks, family)),
    set(`internal${family}`, `type ${address}; flags interval;`, subnets(networks.filter((network) => network.internal))),
    set(`pubtgt${family}`, `type ${address} . inet_proto . inet_service;`, localTargets(view, family)),
    map(`hairpin${family}`, `type ${address} . ${address} : ${address};`, hairpins(view, family)),
  ];
}

/** Every subnet of a network may talk to every other one of it. */
function sameNetworks(networks: readonly AssignedNetwork[], family: Family): string[] {
  return networks.flatMap((network) => {
    const subnets = ofFamily(network.subnets.map(({ subnet }) => subnet), family);
    return subnets.flatMap((from) => subnets.map((to) => `${from} . ${to}`));
  });
}

/** A container that reaches itself through its service is seen as its gateway. */
function hairpins({ networks, containers }: NodeNetworkView, family: Family): [string, string][] {
  const byId = new Map(networks.map((network) => [network.id, network]));
  return containers.flatMap((container) =>
    container.networks.flatMap(({ networkId, address }): [string, string][] => {
      const network = byId.get(networkId);
      return network && familyOf(address) === family ? [[`${address} . ${address}`, subnetOf(network, address).gateway]] : [];
    }),
  );
}

/** Targets on this node that packets from other nodes may reach although their source is in no network of ours. */
function localTargets({ self, services }: NodeNetworkView, family: Family): string[] {
  return services.flatMap((service) =>
    service.endpoints
      .filter((endpoint) => endpoint.nodeId === self.nodeId)
      .flatMap((endpoint) => {
        const address = publishedAddress(endpoint.addresses, family);
        return address ? service.ports.map((port) => `${address} . ${protocolNumber[port.protocol]} . ${port.targetPort}`) : [];
      }),
  );
}

function virtualAddresses(service: AssignedService): { address: string; networkId: string; chain: string }[] {
  if (service.mode !== 'vip') return [];
  return service.virtualIps.map(({ address, networkId }) => ({ address, networkId, chain: `vip_${address.replaceAll(/[.:]/g, '_')}` }));
}

/** One chain per virtual address. Without a ready endpoint it is empty, and the address is as unreachable as an unknown one. */
function serviceChains(service: AssignedService): NftChain[] {
  return virtualAddresses(service).map(({ networkId, address, chain }) => {
    const family = familyOf(address);
    const targets = ready(service).flatMap((endpoint) => endpoint.addresses.filter((one) => one.networkId === networkId && familyOf(one.address) === family));
    return { name: chain, rules: spread(`dnat ${protocolWord[family]} to`, targets.map((target) => target.address)) };
  });
}

/** Random, not in turn: every node would start its turn at the same endpoint, and again with every change. */
function spread(statement: string, targets: string[]): string[] {
  if (targets.length === 0) return [];
  if (targets.length === 1) return [`${statement} ${targets[0]}`];
  const slots = targets.map((target, i) => `${i} : ${target}`).join(', ');
  return [`${statement} numgen random mod ${targets.length} map { ${slots} }`];
}

function spreadPorts(targets: PublishedPort['targets'], family: Family): string[] {
  const one = (target: PublishedPort['targets'][number]) => `${family === 4 ? target.address : `[${target.address}]`}:${target.port}`;
  const translated = targets.length === 1 ? targets.map(one) : targets.map((t) => `${t.address} . ${t.port}`);
  const statement = targets.length === 1 ? `dnat ${protocolWord[family]} to` : `dnat ${protocolWord[family]} addr . port to`;
  return spread(`meta l4proto { 6, 17, 132 } ${statement}`, translated);
}

function portChain(prefix: string, { protocol, port }: PublishedPort, family: Family): string {
  return `${prefix}${family}_${protocol}_${port}`;
}

function ofFamily(addresses: readonly string[], family: Family): string[] {
  return [...new Set(addresses.filter((address) => familyOf(address) === family))];
}

function map(name: string, spec: string, elements: [string, string][]) {
  return { kind: 'map' as const, name, spec, elements: new Map(elements) };
}

function set(name: string, spec: string, keys: string[]) {
  return { kind: 'set' as const, name, spec, elements: new Map(keys.map((key) => [key, ''])) };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
