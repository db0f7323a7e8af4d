import type { AssignedService } from '../../model/src/index.js';
import { nodeMac, nodeMark, nodeMeshAddress } from './addresses.js';
import { hookChains } from './mesh-hooks.js';
import type { NodeNetworkView } from './network.js';
import type { NftChain, NftTable } from './nft-table.js';
import { hostModePorts, portKey, protocolNumber, publishedAddress, publishedPorts, ready, type PublishedPort } from './published-ports.js';

/**
 * The table of the mesh's namespace: service addresses, published ports, isolation, outbound translation.
 *
 * Links there: `c…` containers, `vx0` other nodes, `up0` the host. A packet passes the chains in this order:
 * `source_check` → `way_back` → `translate` → `unreachable` → routing → `forward` or `input` → `translate_source`.
 */
export function meshTable(view: NodeNetworkView, dataPathAddress: string): NftTable {
  const { self, networks, services, containers } = view;
  const peers = view.peers.filter((peer) => peer.nodeId !== self.nodeId);
  const ownPeer = view.peers.find((peer) => peer.nodeId === self.nodeId);
  const ownAddresses = new Set([dataPathAddress, ...(ownPeer ? [ownPeer.address, ownPeer.dataPathAddress] : [])]);
  const published = publishedPorts(services);
  const hostPorts = hostModePorts(view);
  const gateways = new Map(networks.map((network) => [network.id, network.gateway]));

  return {
    name: 'mesh',
    sets: [
      map('vip4', 'type ipv4_addr : verdict;', services.flatMap(virtualAddresses).map(({ address, chain }) => [address, `goto ${chain}`])),
      map('pub4', 'type inet_proto . inet_service : verdict;', published.map((port) => [portKey(port), `goto ${portChain('pub', port)}`])),
      map('hostpub4', 'type inet_proto . inet_service : verdict;', hostPorts.map((port) => [portKey(port), `goto ${portChain('hostpub', port)}`])),
      map('nodemac', 'type ether_addr : mark;', peers.map((peer) => [nodeMac(peer.index), hex(nodeMark(peer.index))])),
      map('nodezone', 'typeof ether saddr : ct zone;', peers.map((peer) => [nodeMac(peer.index), String(peer.index)])),
      set('nodeips4', 'type ipv4_addr;', [...peers.flatMap((peer) => [peer.address, peer.dataPathAddress]), ...ownAddresses]),
      set('selfips4', 'type ipv4_addr;', [...ownAddresses]),
      set('samenet4', 'type ipv4_addr . ipv4_addr; flags interval;', networks.map(({ subnet }) => `${subnet} . ${subnet}`)),
      set('internal4', 'type ipv4_addr; flags interval;', networks.filter((network) => network.internal).map((network) => network.subnet)),
      set('pubtgt4', 'type ipv4_addr . inet_proto . inet_service;', localTargets(view)),
      map(
        'hairpin4',
        'type ipv4_addr . ipv4_addr : ipv4_addr;',
        containers.flatMap((container) =>
          container.networks.flatMap(({ networkId, address }): [string, string][] => {
            const gateway = gateways.get(networkId);
            return gateway ? [[`${address} . ${address}`, gateway]] : [];
          }),
        ),
      ),
    ],
    chains: [
      ...hookChains(nodeMeshAddress(self.index)),
      ...services.flatMap(serviceChains),
      ...published.map((port): NftChain => ({ name: portChain('pub', port), rules: spreadPorts(port.targets) })),
      ...hostPorts.map((port): NftChain => ({ name: portChain('hostpub', port), rules: spreadPorts(port.targets) })),
    ],
  };
}

/** Targets on this node that packets from other nodes may reach although their source is in no network of ours. */
function localTargets({ self, services }: NodeNetworkView): string[] {
  return services.flatMap((service) =>
    service.endpoints
      .filter((endpoint) => endpoint.nodeId === self.nodeId)
      .flatMap((endpoint) => {
        const address = publishedAddress(endpoint);
        return address ? service.ports.map((port) => `${address} . ${protocolNumber[port.protocol]} . ${port.targetPort}`) : [];
      }),
  );
}

function virtualAddresses(service: AssignedService): { address: string; networkId: string; chain: string }[] {
  if (service.mode !== 'vip') return [];
  return service.virtualIps.map(({ address, networkId }) => ({ address, networkId, chain: `vip_${address.replaceAll('.', '_')}` }));
}

/** One chain per virtual address. Without a ready endpoint it is empty, and the address is as unreachable as an unknown one. */
function serviceChains(service: AssignedService): NftChain[] {
  return virtualAddresses(service).map(({ networkId, chain }) => {
    const targets = ready(service).flatMap((endpoint) => endpoint.addresses.filter((address) => address.networkId === networkId));
    return { name: chain, rules: spread('dnat ip to', targets.map((target) => target.address)) };
  });
}

/** Random, not in turn: every node would start its turn at the same endpoint, and again with every change. */
function spread(statement: string, targets: string[]): string[] {
  if (targets.length === 0) return [];
  if (targets.length === 1) return [`${statement} ${targets[0]}`];
  const slots = targets.map((target, i) => `${i} : ${target}`).join(', ');
  return [`${statement} numgen random mod ${targets.length} map { ${slots} }`];
}

function spreadPorts(targets: PublishedPort['targets']): string[] {
  const translated = targets.length === 1 ? targets.map((t) => `${t.address}:${t.port}`) : targets.map((t) => `${t.address} . ${t.port}`);
  const statement = targets.length === 1 ? 'dnat ip to' : 'dnat ip addr . port to';
  return spread(`meta l4proto { 6, 17, 132 } ${statement}`, translated);
}

function portChain(prefix: string, { protocol, port }: PublishedPort): string {
  return `${prefix}_${protocol}_${port}`;
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
