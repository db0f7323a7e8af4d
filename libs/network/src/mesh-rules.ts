import type { AssignedNetwork, AssignedPeer } from '../../model/src/index.js';
import { families, familyOf, nodeMac, nodeMark, tunnels, type Family } from './addresses.js';
import { isSealed, needsEncryption } from './encryption-state.js';
import { hookChains } from './mesh-hooks.js';
import type { NodeNetworkView } from './network.js';
import type { NftSet, NftTable } from './nft-table.js';
import { subnetOf } from './subnets.js';
import { protocolNumber, publishedAddress } from './published-ports.js';
import { serviceRules } from './service-rules.js';

/**
 * The table of the mesh's namespace: service addresses, published ports, isolation, outbound translation.
 *
 * Links there: `c…` containers, `vx0` other nodes, `vxe0` other nodes encrypted, over `wg0` or `wg1`, `up0` the host. A packet passes the chains in this order:
 * `source_check` → `way_back` → `translate` → `unreachable` → routing → `forward` or `input` → `translate_source`.
 */
export const meshTableName = 'mesh';

export function meshTable(view: NodeNetworkView, dataPathAddress: string): NftTable {
  const peers = othersOf(view);
  const { sets, chains } = meshServices(view, dataPathAddress);
  return {
    name: meshTableName,
    sets: [
      map('nodemac', 'type ether_addr : mark;', peers.flatMap((peer) => tunnels.map((tunnel): [string, string] => [nodeMac(peer.index, tunnel), hex(nodeMark(peer.index, tunnel))]))),
      map('nodezone', 'typeof ether saddr : ct zone;', peers.flatMap((peer) => tunnels.map((tunnel): [string, string] => [nodeMac(peer.index, tunnel), String(peer.index)]))),
      ...families.flatMap((family) => familySets(view, dataPathAddress, family)),
      ...sets,
    ],
    chains: [...hookChains(view.self.index, needsEncryption(view)), ...chains],
  };
}

/** What of it follows from services and containers. */
export function meshServices(view: NodeNetworkView, dataPathAddress: string): NftTable {
  const services = serviceRules(view, ownAddresses(view, dataPathAddress));
  return { name: meshTableName, sets: [...families.flatMap((family) => serviceSets(view, family)), ...services.sets], chains: services.chains };
}

function othersOf({ self, peers }: NodeNetworkView): AssignedPeer[] {
  return peers.filter((peer) => peer.nodeId !== self.nodeId);
}

/** Of this node, as others and its own containers call it. */
function ownAddresses({ self, peers }: NodeNetworkView, dataPathAddress: string): string[] {
  const own = peers.find((peer) => peer.nodeId === self.nodeId);
  return [dataPathAddress, ...(own ? [own.address, own.dataPathAddress] : [])];
}

/** What the rules of packets look up, for one family. */
function familySets(view: NodeNetworkView, dataPathAddress: string, family: Family): NftSet[] {
  const { networks } = view;
  const own = ofFamily(ownAddresses(view, dataPathAddress), family);
  const others = ofFamily(othersOf(view).flatMap((peer) => [peer.address, peer.dataPathAddress]), family);
  const address = `ipv${family}_addr`;
  return [
    set(`nodeips${family}`, `type ${address};`, [...others, ...own]),
    set(`selfips${family}`, `type ${address};`, own),
    set(`samenet${family}`, `type ${address} . ${address}; flags interval;`, sameNetworks(networks, family)),
    set(`internal${family}`, `type ${address}; flags interval;`, subnetsOf(networks.filter((network) => network.internal), family)),
  ];
}

function serviceSets(view: NodeNetworkView, family: Family): NftSet[] {
  const { networks } = view;
  const address = `ipv${family}_addr`;
  return [
    set(`sealed${family}`, `type ${address}; flags interval;`, [...subnetsOf(networks.filter(({ encrypted }) => encrypted), family), ...ofFamily(sealedElsewhere(view), family)]),
    set(`pubtgt${family}`, `type ${address} . inet_proto . inet_service;`, localTargets(view, family)),
    map(`hairpin${family}`, `type ${address} . ${address} : ${address};`, hairpins(view, family)),
  ];
}

/** Every subnet of a network may talk to every other one of it. */
function sameNetworks(networks: readonly AssignedNetwork[], family: Family): string[] {
  return networks.flatMap((network) => {
    const subnets = subnetsOf([network], family);
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

/** Published endpoints in encrypted networks that no task here is in: their ports answer here all the same. */
function sealedElsewhere({ networks, services }: NodeNetworkView): string[] {
  const addresses = services.flatMap((service) => service.endpoints.flatMap((endpoint) => endpoint.addresses));
  return addresses.filter((one) => isSealed(one, networks) && !networks.some(({ id }) => id === one.networkId)).map(({ address }) => address);
}

/** Targets on this node that packets from other nodes may reach although their source is in no network of ours. */
function localTargets({ self, services, containers }: NodeNetworkView, family: Family): string[] {
  return services.flatMap(({ id, ports, endpoints }) => {
    const places = [
      ...endpoints.filter((endpoint) => endpoint.nodeId === self.nodeId).map(({ addresses }) => addresses),
      ...(ports.length > 0 ? containers.filter(({ serviceId }) => serviceId === id).map(({ networks }) => networks) : []),
    ];
    return places.flatMap((addresses) => {
      const address = publishedAddress(addresses, family);
      return address ? ports.map((port) => `${address} . ${protocolNumber[port.protocol]} . ${port.targetPort}`) : [];
    });
  });
}

function subnetsOf(networks: readonly AssignedNetwork[], family: Family): string[] {
  return ofFamily(networks.flatMap((network) => network.subnets.map(({ subnet }) => subnet)), family);
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
