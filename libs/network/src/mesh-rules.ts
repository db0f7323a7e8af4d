import type { AssignedEndpoint, AssignedService, PortConfig, Protocol } from '../../model/src/index.js';
import { hostSideAddress, meshSideAddress, nameserverAddress, nodeMac, nodeMark, nodeMeshAddress } from './addresses.js';
import type { NodeNetworkView } from './network.js';
import type { NftChain, NftTable } from './nft-table.js';

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

export interface PublishedPort {
  protocol: Protocol;
  port: number;
  /** Where connections go; empty: they are refused. */
  targets: { address: string; port: number }[];
}

/** Ports published on every node, each with the endpoints that take new connections. */
export function publishedPorts(services: readonly AssignedService[]): PublishedPort[] {
  const ports = services.flatMap((service) =>
    service.ports.map(({ protocol, publishedPort, targetPort }) => ({
      protocol,
      port: publishedPort,
      targets: ready(service).flatMap((endpoint) => {
        const address = publishedAddress(endpoint);
        return address ? [{ address, port: targetPort }] : [];
      }),
    })),
  );
  return firstOfEach(ports);
}

/** Ports of `mode: host` on this node. */
export function hostModePorts(view: NodeNetworkView): PublishedPort[] {
  const ports = view.containers.flatMap((container) => {
    const address = container.networks[0]?.address;
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

/** Replies must leave the container on its default route, so ports are published to its first address. */
export function publishedAddress(endpoint: AssignedEndpoint): string | undefined {
  return endpoint.addresses[0]?.address;
}

const protocolNumber: Record<Protocol, number> = { tcp: 6, udp: 17, sctp: 132 };

export function portKey({ protocol, port }: PublishedPort): string {
  return `${protocolNumber[protocol]} . ${port}`;
}

function hasPublishedPort(port: PortConfig): port is PortConfig & { publishedPort: number } {
  return Boolean(port.publishedPort);
}

function ready(service: AssignedService): AssignedEndpoint[] {
  return service.endpoints.filter((endpoint) => endpoint.state === 'ready');
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

function hookChains(selfAddress: string): NftChain[] {
  return [
    {
      name: 'source_check',
      hook: 'type filter hook prerouting priority raw; policy accept;',
      rules: [
        'iifname "c*" fib saddr . iif oif 0 drop', // a container may use its own address only
        'iifname "vx0" fib saddr . iif oif 0 ct original zone set ether saddr map @nodezone', // one client, two ingress nodes: equal tuples
      ],
    },
    {
      name: 'way_back',
      hook: 'type filter hook prerouting priority mangle; policy accept;',
      rules: [
        'iifname "vx0" ct state new fib saddr . iif oif 0 ct mark set ether saddr map @nodemac',
        'iifname "c*" ct mark != 0 meta mark set ct mark',
      ],
    },
    {
      name: 'translate',
      hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: [
        'iifname "c*" ip daddr vmap @vip4',
        `iifname "up0" ip daddr ${meshSideAddress} meta l4proto . th dport vmap @hostpub4`,
        `iifname "up0" ip daddr ${meshSideAddress} meta l4proto . th dport vmap @pub4`,
        'iifname "c*" ip daddr @selfips4 meta l4proto . th dport vmap @hostpub4',
        'iifname "c*" ip daddr @nodeips4 meta l4proto . th dport vmap @pub4',
      ],
    },
    {
      name: 'unreachable',
      hook: 'type filter hook prerouting priority filter; policy accept;',
      rules: ['ct state new meta l4proto 6 fib daddr type unicast fib daddr oif 0 reject with tcp reset'], // an ICMP error would not end a connection
    },
    {
      name: 'forward',
      hook: 'type filter hook forward priority filter; policy drop;',
      rules: [
        'ct state established,related accept',
        'ct state invalid drop',
        'ip saddr . ip daddr @samenet4 accept',
        'iifname "vx0" ip daddr . meta l4proto . th dport @pubtgt4 accept',
        `iifname "up0" ct status dnat ct original ip daddr ${meshSideAddress} accept`,
        'iifname "c*" ct status dnat ct original ip daddr @nodeips4 accept',
        'iifname "c*" oifname "up0" ip saddr != @internal4 accept',
        'meta l4proto 6 reject with tcp reset',
        'reject with icmpx admin-prohibited',
      ],
    },
    {
      name: 'input',
      hook: 'type filter hook input priority filter; policy drop;',
      rules: [
        'ct state established,related accept',
        'iifname "lo" accept',
        `iifname "c*" ip daddr ${nameserverAddress} meta l4proto { 6, 17 } th dport 53 accept`,
        'ip daddr 127.0.0.0/8 drop',
        'meta l4proto 1 accept',
        'meta l4proto 6 reject with tcp reset', // a published port whose service has no endpoint
        'reject with icmpx port-unreachable',
      ],
    },
    {
      name: 'output',
      hook: 'type filter hook output priority filter; policy accept;',
      rules: [`ip saddr ${nameserverAddress} meta l4proto 1 drop`], // while the agent restarts, a question is asked again rather than refused
    },
    {
      name: 'translate_source',
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: [
        `iifname "c*" ct status dnat ct original ip daddr @nodeips4 snat ip to ${selfAddress}`,
        `iifname "up0" ip saddr ${hostSideAddress} snat ip to ${selfAddress}`, // the host's address is the same on every node
        'snat ip to ip saddr . ip daddr map @hairpin4',
        'iifname "c*" oifname "up0" masquerade',
      ],
    },
  ];
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
