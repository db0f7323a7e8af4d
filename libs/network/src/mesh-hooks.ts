import { families, hostSideAddress, meshSideAddress, nameserverAddress, nodeMeshAddress, type Family } from './addresses.js';
import type { NftChain } from './nft-table.js';

/** What every packet passes: rules that stay the same on a node, whatever runs there. What changes they find in sets and maps. */
export function hookChains(selfIndex: number): NftChain[] {
  const each = (rules: (words: FamilyWords) => string[]) => families.flatMap((family) => rules(wordsOf(family, selfIndex)));
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
      rules: each(({ ip, family, meshSide }) => [
        `iifname "c*" ${ip} daddr vmap @vip${family}`,
        `iifname "up0" ${ip} daddr ${meshSide} meta l4proto . th dport vmap @hostpub${family}`,
        `iifname "up0" ${ip} daddr ${meshSide} meta l4proto . th dport vmap @pub${family}`,
        `iifname "c*" ${ip} daddr @selfips${family} meta l4proto . th dport vmap @hostpub${family}`,
        `iifname "c*" ${ip} daddr @nodeips${family} meta l4proto . th dport vmap @pub${family}`,
      ]),
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
        ...each(({ ip, family, meshSide }) => [
          `${ip} saddr . ${ip} daddr @samenet${family} accept`,
          `iifname "vx0" ${ip} daddr . meta l4proto . th dport @pubtgt${family} accept`,
          `iifname "up0" ct status dnat ct original ${ip} daddr ${meshSide} accept`,
          `iifname "c*" ct status dnat ct original ${ip} daddr @nodeips${family} accept`,
          `iifname "c*" oifname "up0" ${ip} saddr != @internal${family} accept`,
        ]),
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
        'meta l4proto { 1, 58 } accept',
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
        ...each(({ ip, family, hostSide, self }) => [
          `iifname "c*" ct status dnat ct original ${ip} daddr @nodeips${family} snat ${ip} to ${self}`,
          `iifname "up0" ${ip} saddr ${hostSide} snat ${ip} to ${self}`, // the host's address is the same on every node
          `snat ${ip} to ${ip} saddr . ${ip} daddr map @hairpin${family}`,
        ]),
        'iifname "c*" oifname "up0" masquerade',
      ],
    },
  ];
}

/** What nftables calls the protocol of a family. */
export const protocolWord: Record<Family, string> = { 4: 'ip', 6: 'ip6' };

interface FamilyWords {
  family: Family;
  ip: string;
  meshSide: string;
  hostSide: string;
  /** This node's address on the tunnel. */
  self: string;
}

function wordsOf(family: Family, selfIndex: number): FamilyWords {
  return { family, ip: protocolWord[family], meshSide: meshSideAddress[family], hostSide: hostSideAddress[family], self: nodeMeshAddress(selfIndex, family) };
}
