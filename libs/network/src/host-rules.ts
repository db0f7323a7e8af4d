import { families, familyOf, meshSideAddress, type Family } from './addresses.js';
import { clusterPorts } from './mesh-hooks.js';
import { boundPorts, hostModePorts, portKey, publishedPorts } from './published-ports.js';
import type { ClaimedPort, NodeNetworkOptions, NodeNetworkView } from './network.js';
import { protocolWord, type NftSet, type NftTable } from './nft-table.js';

/** The table in the host's namespace: published ports go to the mesh, the VXLAN port hears the cluster's nodes only. */
export function hostTable(view: NodeNetworkView, options: NodeNetworkOptions): NftTable {
  const link = hostLinkName(options.name);
  const tunnel = options.dataPathPort;
  const nodes = (family: Family) => view.peers.filter((peer) => familyOf(peer.dataPathAddress) === family).map((peer) => [peer.dataPathAddress, ''] as const);
  return {
    name: options.name,
    sets: [
      ...hostServices(view, options).sets,
      ...families.map((family): NftSet => ({ kind: 'set', name: `nodes${family}`, spec: `type ipv${family}_addr;`, elements: new Map(nodes(family)) })),
    ],
    chains: [
      {
        name: 'guard',
        hook: 'type filter hook prerouting priority raw; policy accept;',
        rules: [
          `ip daddr 127.0.0.0/8 iifname "${link}" ip saddr != ${meshSideAddress[4]} drop`, // route_localnet opens loopback to this link
          `udp dport ${tunnel} goto tunnel`,
        ],
      },
      {
        name: 'tunnel',
        rules: [...families.map((family) => `${protocolWord[family]} saddr @nodes${family} notrack return`), 'fib daddr type local drop', 'notrack'],
      },
      {
        name: 'guard_output',
        hook: 'type filter hook output priority raw; policy accept;',
        rules: [`udp dport ${tunnel} notrack`],
      },
      {
        name: 'publish',
        hook: 'type nat hook prerouting priority dstnat; policy accept;',
        rules: [`iifname != "${link}" fib daddr type local meta nfproto vmap { ipv4 : jump publish4, ipv6 : jump publish6 }`],
      },
      {
        name: 'publish_local',
        hook: 'type nat hook output priority -100; policy accept;',
        rules: [
          'ip6 daddr ::1 return', // the kernel drops what answers ::1 from elsewhere
          `oifname != "${link}" fib daddr type local meta nfproto vmap { ipv4 : jump publish4, ipv6 : jump publish6 }`,
        ],
      },
      ...families.map((family) => ({
        name: `publish${family}`,
        rules: [
          `meta l4proto . th dport @pub${family} dnat ${protocolWord[family]} to ${meshSideAddress[family]}`,
          `meta l4proto { 6, 17, 132 } dnat ${protocolWord[family]} to ${protocolWord[family]} daddr . meta l4proto . th dport map @bound${family}`,
        ],
      })),
      {
        name: 'tasks',
        hook: 'type filter hook input priority filter; policy accept;',
        rules: [`meta l4proto 6 th dport { ${clusterPorts.join(', ')} } iifname "${link}" reject with tcp reset`], // managers hear nodes, not tasks
      },
      {
        name: 'leave',
        hook: 'type nat hook postrouting priority srcnat; policy accept;',
        rules: [`oifname "${link}" ip saddr 127.0.0.0/8 masquerade`, `iifname "${link}" oifname != "${link}" masquerade`],
      },
    ],
  };
}

/** What of it follows from services and containers. */
export function hostServices(view: NodeNetworkView, { name }: NodeNetworkOptions): NftTable {
  const isFree = ({ protocol, port }: ClaimedPort) => !view.heldPorts?.some((held) => held.protocol === protocol && held.port === port);
  const keysOf = (family: Family) => [...publishedPorts(view, family).filter(isFree), ...hostModePorts(view, family)].filter(({ hostIp }) => !hostIp).map((port) => [portKey(port), ''] as const);
  const boundOf = (family: Family) => boundPorts(view, family).filter(isFree).map((port) => [`${port.hostIp} . ${portKey(port)}`, port.alias] as const);
  return {
    name,
    sets: families.flatMap((family): NftSet[] => [
      { kind: 'set', name: `pub${family}`, spec: 'type inet_proto . inet_service;', elements: new Map(keysOf(family)) },
      { kind: 'map', name: `bound${family}`, spec: `type ipv${family}_addr . inet_proto . inet_service : ipv${family}_addr;`, elements: new Map(boundOf(family)) },
    ]),
    chains: [],
  };
}

/** The host's end of its link to the mesh. */
export function hostLinkName(name: string): string {
  return `${name}-mesh`;
}
