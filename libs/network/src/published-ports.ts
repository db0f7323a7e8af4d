import type { AssignedService, PortConfig, PortTraffic, Protocol } from '../../model/src/index.js';
import { familyOf, type Family } from './addresses.js';
import { ready, type Target } from './balance.js';
import type { NodeNetworkView } from './network.js';

/** A port of a node in one family, and where connections to it go. */
export interface PublishedPort {
  protocol: Protocol;
  port: number;
  /** The one address that it is published at. Absent: all. */
  hostIp?: string;
  traffic: PortTraffic;
  /** Empty: connections are refused. */
  targets: Target[];
}

/** Ports published on every node, each with the endpoints that take new connections. */
export function publishedPorts({ self, services }: NodeNetworkView, family: Family): PublishedPort[] {
  const ports = services.flatMap((service) =>
    service.ports.flatMap(({ protocol, publishedPort, targetPort, ...traffic }) => {
      const targets = endpointTargets(service, self.nodeId, targetPort, family);
      return places(traffic, family).map((hostIp): PublishedPort => ({ protocol, port: publishedPort, ...(hostIp && { hostIp }), traffic, targets }));
    }),
  );
  return firstOfEach(ports);
}

function endpointTargets(service: AssignedService, nodeId: string, port: number, family: Family): Target[] {
  return ready(service).flatMap((endpoint) => {
    const address = publishedAddress(endpoint.addresses, family);
    return address ? [{ address, port, isLocal: endpoint.nodeId === nodeId, ...(endpoint.weight !== undefined && { weight: endpoint.weight }) }] : [];
  });
}

/** Ports of `mode: host` on this node. */
export function hostModePorts(view: NodeNetworkView, family: Family): PublishedPort[] {
  const ports = view.containers.flatMap((container) => {
    if (container.hostPorts.length === 0) return []; // most
    const address = publishedAddress(container.networks, family);
    if (!address) return [];
    return container.hostPorts.filter(hasPublishedPort).flatMap(({ protocol = 'tcp', publishedPort, targetPort, traffic = {} }) =>
      places(traffic, family).map((hostIp): PublishedPort => ({ protocol, port: publishedPort, ...(hostIp && { hostIp }), traffic, targets: [{ address, port: targetPort, isLocal: true }] })),
    );
  });
  return firstOfEach(ports);
}

/** A port that is bound to addresses of the other family is not published in this one. */
function places({ hostIps }: PortTraffic, family: Family): (string | undefined)[] {
  return hostIps ? hostIps.filter((address) => familyOf(address) === family) : [undefined];
}

/** A port has one owner. While an old and a new owner overlap, the one listed first keeps it. */
function firstOfEach(ports: PublishedPort[]): PublishedPort[] {
  return [...new Map(ports.toReversed().map((port) => [`${port.hostIp} ${portKey(port)}`, port])).values()].toReversed();
}

/** Replies must leave the container on its default route, so ports are published to its first address of the family. */
export function publishedAddress(addresses: readonly { address: string }[], family: Family): string | undefined {
  return addresses.find(({ address }) => familyOf(address) === family)?.address;
}

export const protocolNumber: Record<Protocol, number> = { tcp: 6, udp: 17, sctp: 132 };

export function portKey({ protocol, port }: Pick<PublishedPort, 'protocol' | 'port'>): string {
  return `${protocolNumber[protocol]} . ${port}`;
}

function hasPublishedPort<T extends PortConfig>(port: T): port is T & { publishedPort: number } {
  return Boolean(port.publishedPort);
}

/**
 * What the host calls the addresses that ports are bound to when it sends their connections to the mesh: the mesh must tell a port at
 * one address from the same port at another. By hash, so that an address keeps its name while others come and go.
 */
export function boundAddresses(addresses: Iterable<string>): Map<string, string> {
  const taken = new Set<number>();
  const names = new Map<string, string>();
  for (const address of [...new Set(addresses)].sort()) {
    let slot = [...address].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % boundSlots, 7);
    while (taken.has(slot)) slot = (slot + 1) % boundSlots;
    taken.add(slot);
    names.set(address, familyOf(address) === 4 ? `169.254.${128 + (slot >> 8)}.${slot & 255}` : `fd77:77::${(0x8000 + slot).toString(16)}`);
  }
  return names;
}

const boundSlots = 1 << 15;

/** All that `boundAddresses` gives. */
export const boundSubnet: Record<Family, string> = { 4: '169.254.128.0/17', 6: 'fd77:77::8000/113' };

/** The ports of this node by the address that they are bound to, in one family. */
export function boundPorts(view: NodeNetworkView, family: Family): (PublishedPort & { hostIp: string; alias: string })[] {
  const ports = [...hostModePorts(view, family), ...publishedPorts(view, family)].filter((port): port is PublishedPort & { hostIp: string } => port.hostIp !== undefined);
  const names = boundAddresses(ports.map(({ hostIp }) => hostIp));
  return ports.map((port) => ({ ...port, alias: names.get(port.hostIp)! }));
}
