import { alone, families, familyOf, ingressMark, nodeMac, nodeMark, nodeMeshAddress, nodeTable, tunnels, wireAddress, type Tunnel } from './addresses.js';
import type { AssignedPeer } from '../../model/src/index.js';
import { planNames } from './dns-names.js';
import type { DnsNames } from './dns-names.js';
import { isSealed, type EncryptionState } from './encryption-state.js';
import { hostServices, hostTable } from './host-rules.js';
import { describeItem, mainRouteTable } from './kernel-item.js';
import type { KernelItem, Wire } from './kernel-item.js';
import { meshServices, meshTable } from './mesh-rules.js';
import type { NodeNetworkOptions, NodeNetworkView } from './network.js';
import { renderTable } from './nft-table.js';
import type { NftTable } from './nft-table.js';
import { publishedAddress } from './published-ports.js';

/** Everything that one node's network shall be. Follows from the view alone. */
export interface NodePlan {
  /** In the order in which they can be made. */
  items: KernelItem[];
  mesh: NftTable;
  host: NftTable;
  names: DnsNames;
  /** Every address that some endpoint has: connections to one that is missing next time have lost their end. */
  endpointAddresses: ReadonlySet<string>;
  /** `udp` ports that are published: flows that began before a port was there must begin again. */
  datagramPorts: ReadonlySet<number>;
}

const everyMarkedPacketPriority = 50;
const peerRulePriority = 1000;
const anywhere = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** `encryption` absent: nothing here is encrypted, or this host cannot; then what is encrypted is unreachable. */
export function planNode(view: NodeNetworkView, options: NodeNetworkOptions, encryption?: EncryptionState): NodePlan {
  return {
    ...planServices(view, options, encryption),
    items: [...ownItems(view, encryption), ...peerItems(view, encryption), ...networkItems(view), ...endpointRoutes(view, encryption)],
    mesh: meshTable(view, options.dataPathAddress),
    host: hostTable(view, options),
  };
}

/** What of it follows from the services: for views that differ in nothing else. */
export function planServices(view: NodeNetworkView, options: NodeNetworkOptions, encryption?: EncryptionState): NodePlan {
  return {
    items: endpointRoutes(view, encryption),
    mesh: meshServices(view, options.dataPathAddress),
    host: hostServices(view, options),
    names: planNames(view),
    endpointAddresses: new Set([
      ...view.services.flatMap((service) => service.endpoints.flatMap((endpoint) => endpoint.addresses.map(({ address }) => address))),
      ...view.containers.flatMap((container) => container.networks.map(({ address }) => address)),
    ]),
    datagramPorts: new Set(view.services.flatMap((service) => service.ports.filter((port) => port.protocol === 'udp').map((port) => port.publishedPort))),
  };
}

function ownItems({ self }: NodeNetworkView, encryption?: EncryptionState): KernelItem[] {
  return [
    ...tunnels.filter((link) => link === 'vx0' || encryption).flatMap((link): KernelItem[] => [
      { kind: 'mac', link, mac: nodeMac(self.index, link) },
      ...families.map((family): KernelItem => ({ kind: 'address', link, address: nodeMeshAddress(self.index, family, link) })),
    ]),
    ...(encryption?.slots ?? []).map((slot): KernelItem => ({ kind: 'address', link: wireOf(slot), address: wireAddress(self.index, slot) })),
    // Unmarked packets, nearly all, leave the list of rules here.
    ...families.map((family): KernelItem => ({ kind: 'rule', family, priority: everyMarkedPacketPriority, mark: ingressMark, mask: ingressMark, table: mainRouteTable, invert: true })),
  ];
}

function peerItems({ self, peers }: NodeNetworkView, encryption?: EncryptionState): KernelItem[] {
  return peers
    .filter((peer) => peer.nodeId !== self.nodeId)
    .flatMap((peer) => [...tunnelItems(self.index, peer, 'vx0', peer.dataPathAddress), ...encryptedPeerItems(self.index, peer, encryption)]);
}

/** The way to another node through one of the tunnels. */
function tunnelItems(selfIndex: number, { index }: AssignedPeer, link: Tunnel, underlay: string): KernelItem[] {
  const mac = nodeMac(index, link);
  return [
    { kind: 'forwarding', link, mac, underlay },
    ...families.flatMap((family): KernelItem[] => {
      const address = nodeMeshAddress(index, family, link);
      const table = nodeTable(index, link);
      return [
        { kind: 'neighbour', link, address, mac },
        { kind: 'route', link, destination: alone(address), source: nodeMeshAddress(selfIndex, family, link), table: mainRouteTable },
        { kind: 'route', link, destination: anywhere[family], via: address, table },
        { kind: 'rule', family, priority: peerRulePriority + index, mark: nodeMark(index, link), mask: 0xffffffff, table, invert: false },
      ];
    }),
  ];
}

/** Its underlay is an address that WireGuard alone leads to. */
function encryptedPeerItems(selfIndex: number, peer: AssignedPeer, encryption?: EncryptionState): KernelItem[] {
  const path = encryption?.paths.get(peer.nodeId);
  if (!path) return [];
  const underlay = wireAddress(peer.index, path.to);
  // A packet keeps its mark inside the tunnel: one on its way back to an ingress node looks into that node's table.
  const tables = [mainRouteTable, nodeTable(peer.index, 'vxe0')];
  return [
    ...tables.map((table): KernelItem => ({ kind: 'route', link: wireOf(path.from), destination: alone(underlay), source: wireAddress(selfIndex, path.from), table })),
    ...tunnelItems(selfIndex, peer, 'vxe0', underlay),
  ];
}

function wireOf(slot: number): Wire {
  return slot === 0 ? 'wg0' : 'wg1';
}

function networkItems({ networks }: NodeNetworkView): KernelItem[] {
  return networks.flatMap(({ subnets }) =>
    subnets.flatMap(({ gateway, subnet }): KernelItem[] => [
      { kind: 'address', link: 'lo', address: gateway },
      { kind: 'unreachable', destination: subnet }, // else an unknown address would leave through the host
    ]),
  );
}

/** One route per endpoint elsewhere that something here may talk to: in a network of ours, or behind a published port. */
function endpointRoutes({ self, peers, networks, services }: NodeNetworkView, encryption?: EncryptionState): KernelItem[] {
  const ours = new Set(networks.map((network) => network.id));
  const indexes = new Map(peers.map((peer) => [peer.nodeId, peer.index]));
  const routes = new Map<string, KernelItem>();
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      const index = indexes.get(endpoint.nodeId);
      if (index === undefined || endpoint.nodeId === self.nodeId) continue;
      const published = service.ports.length > 0 ? families.map((family) => publishedAddress(endpoint.addresses, family)) : [];
      for (const one of endpoint.addresses) {
        const { networkId, address } = one;
        if (!ours.has(networkId) && !published.includes(address)) continue;
        const destination = alone(address);
        const link = isSealed(one, networks) ? 'vxe0' : 'vx0';
        const isReached = link === 'vx0' || encryption?.paths.has(endpoint.nodeId);
        routes.set(address, isReached ? { kind: 'route', link, destination, via: nodeMeshAddress(index, familyOf(address), link), table: mainRouteTable } : { kind: 'unreachable', destination });
      }
    }
  }
  return [...routes.values()];
}

/** The plan as text, for golden tests and for `inspect`. */
export function describePlan(plan: NodePlan): string {
  return [...plan.items.map(describeItem), '', '# mesh', renderTable(plan.mesh), '# host', renderTable(plan.host)].join('\n');
}
