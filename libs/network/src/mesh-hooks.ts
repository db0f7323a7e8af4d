import { hostSideAddress, meshSideAddress, nameserverAddress } from './addresses.js';
import type { NftChain } from './nft-table.js';

/** What every packet passes: rules that stay the same on a node, whatever runs there. What changes they find in sets and maps. */
export function hookChains(selfAddress: string): NftChain[] {
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
