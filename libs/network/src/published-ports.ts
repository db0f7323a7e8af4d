import type { AssignedEndpoint, AssignedService, PortConfig, Protocol } from '../../model/src/index.js';
import { familyOf, type Family } from './addresses.js';
import type { NodeNetworkView } from './network.js';

/** A port of a node in one family, and where connections to it go. */
export interface PublishedPort {
  protocol: Protocol;
  port: number;
  /** Empty: connections are refused. */
  targets: { address: string; port: number }[];
}

/** Ports published on every node, each with the endpoints that take new connections. */
export function publishedPorts(services: readonly AssignedService[], family: Family): PublishedPort[] {
  const ports = services.flatMap((service) =>
    service.ports.map(({ protocol, publishedPort, targetPort }) => ({
      protocol,
      port: publishedPort,
      targets: ready(service).flatMap((endpoint) => {
        const address = publishedAddress(endpoint.addresses, family);
        return address ? [{ address, port: targetPort }] : [];
      }),
    })),
  );
  return firstOfEach(ports);
}

/** Ports of `mode: host` on this node. */
export function hostModePorts(view: NodeNetworkView, family: Family): PublishedPort[] {
  const ports = view.containers.flatMap((container) => {
    const address = publishedAddress(container.networks, family);
    if (!address) return [];
    return container.hostPorts.filter(hasPublishedPort).map((port) => ({
      protocol: port.protocol ?? 'tcp',
      port: port.publishedPort,
      targets: [{ address, port: port.targetPort }],
    }));
  });
  return firstOfEach(ports);
}

/** A port has one owner. While an old and a new owner overlap, the one listed first keeps it. */
function firstOfEach(ports: PublishedPort[]): PublishedPort[] {
  return [...new Map(ports.toReversed().map((port) => [portKey(port), port])).values()].toReversed();
}

/** Replies must leave the container on its default route, so ports are published to its first address of the family. */
export function publishedAddress(addresses: readonly { address: string }[], family: Family): string | undefined {
  return addresses.find(({ address }) => familyOf(address) === family)?.address;
}

export const protocolNumber: Record<Protocol, number> = { tcp: 6, udp: 17, sctp: 132 };

export function portKey({ protocol, port }: PublishedPort): string {
  return `${protocolNumber[protocol]} . ${port}`;
}

function hasPublishedPort(port: PortConfig): port is PortConfig & { publishedPort: number } {
  return Boolean(port.publishedPort);
}

export function ready(service: AssignedService): AssignedEndpoint[] {
  return service.endpoints.filter((endpoint) => endpoint.state === 'ready');
}
