import { meshSideAddress } from './addresses.js';
import { hostModePorts, portKey, publishedPorts } from './published-ports.js';
import type { NodeNetworkOptions, NodeNetworkView } from './network.js';
import type { NftTable } from './nft-table.js';

/** The table in the host's namespace: published ports go to the mesh, the VXLAN port hears the cluster's nodes only. */
export function hostTable(view: NodeNetworkView, options: NodeNetworkOptions): NftTable {
  const link = hostLinkName(options.name);
  const tunnel = options.dataPathPort;
  const keys = [...publishedPorts(view.services), ...hostModePorts(view)].map(portKey);
  return {
    name: options.name,
    sets: [
      { kind: 'set', name: 'pub', spec: 'type inet_proto . inet_service;', elements: new Map(keys.map((key) => [key, ''])) },
      { kind: 'set', name: 'nodes', spec: 'type ipv4_addr;', elements: new Map(view.peers.map((peer) => [peer.dataPathAddress, ''])) },
    ],
    chains: [
      {
        name: 'guard',
        hook: 'type filter hook prerouting priority raw; policy accept;',
        rules: [
          `iifname "${link}" ip daddr 127.0.0.0/8 ip saddr != ${meshSideAddress} drop`, // route_localnet opens loopback to this link
          `udp dport ${tunnel} fib daddr type local ip saddr != @nodes drop`,
          `udp dport ${tunnel} notrack`,
        ],
      },
      {
        name: 'guard_output',
        hook: 'type filter hook output priority raw; policy accept;',
        rules: [`udp dport ${tunnel} notrack`],
      },
      {
        name: 'publish',
        hook: 'type nat hook prerouting priority dstnat; policy accept;',
        rules: [`iifname != "${link}" fib daddr type local meta l4proto . th dport @pub goto to_mesh`],
      },
      {
        name: 'publish_local',
        hook: 'type nat hook output priority -100; policy accept;',
        rules: [`oifname != "${link}" fib daddr type local meta l4proto . th dport @pub goto to_mesh`],
      },
      { name: 'to_mesh', rules: [`meta nfproto ipv4 dnat ip to ${meshSideAddress}`] },
      {
        name: 'leave',
        hook: 'type nat hook postrouting priority srcnat; policy accept;',
        rules: [`oifname "${link}" ip saddr 127.0.0.0/8 masquerade`, `iifname "${link}" oifname != "${link}" masquerade`],
      },
    ],
  };
}

/** The host's end of its link to the mesh. */
export function hostLinkName(name: string): string {
  return `${name}-mesh`;
}
