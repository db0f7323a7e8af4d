import { alone, families, familyOf, ingressMark, nodeMac, nodeMark, nodeMeshAddress, nodeTable } from './addresses.js';
import { planNames } from './dns-names.js';
import type { DnsNames } from './dns-names.js';
import { hostTable } from './host-rules.js';
import { describeItem, mainRouteTable } from './kernel-item.js';
import type { KernelItem } from './kernel-item.js';
import { meshTable } from './mesh-rules.js';
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

export function planNode(view: NodeNetworkView, options: NodeNetworkOptions): NodePlan {
  return {
    items: [...ownItems(view), ...peerItems(view), ...networkItems(view), ...endpointRoutes(view)],
    mesh: meshTable(view, options.dataPathAddress),
    host: hostTable(view, options),
    names: planNames(view),
    endpointAddresses: new Set([
      ...view.services.flatMap((service) => service.endpoints.flatMap((endpoint) => endpoint.addresses.map(({ address }) => address))),
      ...view.containers.flatMap((container) => container.networks.map(({ address }) => address)),
    ]),
    datagramPorts: new Set(view.services.flatMap((service) => service.ports.filter((port) => port.protocol === 'udp').map((port) => port.publishedPort))),
  };
}

function ownItems({ self }: NodeNetworkView): KernelItem[] {
  return [
    { kind: 'mac', mac: nodeMac(self.index) },
    ...families.map((family): KernelItem => ({ kind: 'address', link: 'vx0', address: nodeMeshAddress(self.index, family) })),
    // Unmarked packets, nearly all, leave the list of rules here.
    ...families.map((family): KernelItem => ({ kind: 'rule', family, priority: everyMarkedPacketPriority, mark: ingressMark, mask: ingressMark, table: mainRouteTable, invert: true })),
  ];
}

function peerItems({ self, peers }: NodeNetworkView): KernelItem[] {
  return peers
    .filter((peer) => peer.nodeId !== self.nodeId)
    .flatMap(({ index, dataPathAddress }): KernelItem[] => [
      { kind: 'forwarding', mac: nodeMac(index), underlay: dataPathAddress },
      ...families.flatMap((family): KernelItem[] => [
        { kind: 'neighbour', address: nodeMeshAddress(index, family), mac: nodeMac(index) },
        { kind: 'route', destination: alone(nodeMeshAddress(index, family)), source: nodeMeshAddress(self.index, family), table: mainRouteTable },
        { kind: 'route', destination: anywhere[family], via: nodeMeshAddress(index, family), table: nodeTable(index) },
        { kind: 'rule', family, priority: peerRulePriority + index, mark: nodeMark(index), mask: 0xffffffff, table: nodeTable(index), invert: false },
      ]),
    ]);
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
function endpointRoutes({ self, peers, networks, services }: NodeNetworkView): KernelItem[] {
  const ours = new Set(networks.map((network) => network.id));
  const indexes = new Map(peers.map((peer) => [peer.nodeId, peer.index]));
  const routes = new Map<string, KernelItem>();
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      const index = indexes.get(endpoint.nodeId);
      if (index === undefined || endpoint.nodeId === self.nodeId) continue;
      const published = service.ports.length > 0 ? families.map((family) => publishedAddress(endpoint.addresses, family)) : [];
      for (const { networkId, address } of endpoint.addresses) {
        if (!ours.has(networkId) && !published.includes(address)) continue;
        routes.set(address, { kind: 'route', destination: alone(address), via: nodeMeshAddress(index, familyOf(address)), table: mainRouteTable });
      }
    }
  }
  return [...routes.values()];
}

/** The plan as text, for golden tests and for `inspect`. */
export function describePlan(plan: NodePlan): string {
  return [...plan.items.map(describeItem), '', '# mesh', renderTable(plan.mesh), '# host', renderTable(plan.host)].join('\n');
}
