import { families, hostSideAddress, meshSideAddress, nameserverAddress, nodeMeshAddress, wireSubnet, type Family } from './addresses.js';
import { innerTunnelPort } from './encryption-state.js';
import { maskedMark, protocolWord, type NftChain } from './nft-table.js';
import { boundSubnet } from './published-ports.js';

/**
 * What every packet passes: rules that stay the same on a node, whatever runs there. What changes they find in sets and maps.
 *
 * They are the price of a packet between nodes: what decides for most packets stands first in a rule, and a link's name, which costs
 * more to compare than an address, last. `isSealing`: something here is encrypted, or must not be reached otherwise.
 */
export function hookChains(selfIndex: number, isSealing: boolean): NftChain[] {
  const each = (rules: (words: FamilyWords) => string[]) => families.flatMap((family) => rules(wordsOf(family, selfIndex)));
  const chainPerFamily = (name: string, rules: (words: FamilyWords) => string[]) => families.map((family): NftChain => ({ name: `${name}${family}`, rules: rules(wordsOf(family, selfIndex)) }));
  return [
    {
      name: 'source_check',
      hook: 'type filter hook prerouting priority raw; policy accept;',
      rules: [
        ...(isSealing ? ['iifname { "vx0", "wg0", "wg1" } jump sealed_source', `ip daddr ${wireSubnet} fib daddr type local drop`] : []),
        'fib saddr . iif oif 0 goto foreign_source', // nearly no packet goes there
      ],
    },
    {
      name: 'foreign_source',
      rules: [
        'iifname "c*" drop', // a container may use its own address only
        'iifname { "vx0", "vxe0" } ct original zone set ether saddr map @nodezone', // one client, two ingress nodes: equal tuples
      ],
    },
    {
      name: 'sealed_source',
      rules: [
        `iifname "wg*" udp dport ${innerTunnelPort} notrack accept`,
        'iifname "wg*" drop',
        // Between the nodes what is encrypted comes out of WireGuard only, and nothing else does.
        ...each(({ ip, family }) => [`${ip} saddr @sealed${family} drop`, `${ip} daddr @sealed${family} drop`]),
      ],
    },
    {
      name: 'way_back',
      hook: 'type filter hook prerouting priority mangle; policy accept;',
      rules: [
        'ct state new iifname { "vx0", "vxe0" } fib saddr . iif oif 0 ct mark set ether saddr map @nodemac',
        'ct mark != 0 iifname "c*" meta mark set ct mark',
      ],
    },
    {
      name: 'translate',
      hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: [byFamily('translate')],
    },
    ...chainPerFamily('translate', ({ ip, family, meshSide }) => [
      `iifname "c*" ${ip} daddr vmap @vip${family}`,
      `iifname "up0" ${ip} daddr ${meshSide} meta l4proto . th dport vmap @hostpub${family}`,
      `iifname "up0" ${ip} daddr ${meshSide} meta l4proto . th dport vmap @pub${family}`,
      `iifname "up0" ${ip} daddr ${boundSubnet[family]} ${ip} daddr . meta l4proto . th dport vmap @bound${family}`,
      `iifname "c*" ${ip} daddr != @nodeips${family} return`,
      `iifname "c*" ${ip} daddr . meta l4proto . th dport vmap @bound${family}`,
      `iifname "c*" ${ip} daddr @selfips${family} meta l4proto . th dport vmap @hostpub${family}`,
      `iifname "c*" meta l4proto . th dport vmap @pub${family}`,
    ]),
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
        byFamily('forward'),
        ...refuse,
      ],
    },
    ...chainPerFamily('forward', ({ ip, family, meshSide }) => [
      `${ip} saddr . ${ip} daddr @samenet${family} goto same_network${family}`,
      `iifname { "vx0", "vxe0" } ${ip} daddr . meta l4proto . th dport @pubtgt${family} accept`,
      `iifname "up0" ct status dnat ct original ${ip} daddr { ${meshSide}, ${boundSubnet[family]} } accept`,
      `iifname "c*" ct status dnat ct original ${ip} daddr @nodeips${family} accept`,
      `iifname "c*" oifname "up0" ${ip} daddr @nodeips${family} meta l4proto 6 th dport { ${clusterPorts.join(', ')} } goto refuse`, // managers hear nodes, not tasks
      `iifname "c*" oifname "up0" ${ip} saddr != @internal${family} accept`,
    ]),
    ...chainPerFamily('same_network', ({ ip, family }) => [`${ip} daddr @guarded${family} ${ip} saddr . ${ip} daddr != @allowed${family} goto refuse`, 'accept']),
    { name: 'refuse', rules: refuse },
    {
      name: 'input',
      hook: 'type filter hook input priority filter; policy drop;',
      rules: [
        'ct state established,related accept',
        'iifname "lo" accept',
        `iifname "wg*" udp dport ${innerTunnelPort} accept`,
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
      name: 'wire',
      hook: 'type filter hook output priority raw; policy accept;',
      rules: [`oifname != "wg*" ip daddr ${wireSubnet} drop`, 'oifname "wg*" notrack'], // encrypted, or not at all
    },
    {
      name: 'sealed',
      hook: 'type filter hook postrouting priority mangle; policy accept;',
      rules: isSealing
        ? each(({ ip, family }) => [
            `oifname != "vxe0" oifname != "c*" ${ip} daddr @sealed${family} drop`,
            `oifname "vx0" ${ip} saddr @sealed${family} drop`,
          ])
        : [],
    },
    {
      name: 'translate_source',
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: [byFamily('translate_source'), 'iifname "c*" oifname "up0" masquerade'],
    },
    ...chainPerFamily('translate_source', ({ ip, family, hostSide, self, selfEncrypted }) => [
      `iifname "c*" oifname "vxe0" ct status dnat ct original ${ip} daddr @nodeips${family} snat ${ip} to ${selfEncrypted}`,
      `iifname "c*" ct status dnat ct original ${ip} daddr @nodeips${family} snat ${ip} to ${self}`,
      `iifname "up0" oifname "vxe0" ${ip} saddr ${hostSide} snat ${ip} to ${selfEncrypted}`,
      `iifname "up0" ${ip} saddr ${hostSide} snat ${ip} to ${self}`, // the host's address is the same on every node
      `snat ${ip} to ${ip} saddr . ${ip} daddr map @hairpin${family}`,
      `oifname "vxe0" ct mark ${maskedMark} snat ${ip} to ${selfEncrypted}`,
      `ct mark ${maskedMark} snat ${ip} to ${self}`,
    ]),
  ];
}

/** A packet of one family does not pay for the other. */
function byFamily(name: string): string {
  return `meta nfproto vmap { ${families.map((family) => `ipv${family} : jump ${name}${family}`).join(', ')} }`;
}

const refuse = ['meta l4proto 6 reject with tcp reset', 'reject with icmpx admin-prohibited'];

/** Of managers and of etcd. */
export const clusterPorts: readonly number[] = [2377, 2379, 2380];

interface FamilyWords {
  family: Family;
  ip: string;
  meshSide: string;
  hostSide: string;
  /** This node's address on the tunnel, and on the encrypted one. */
  self: string;
  selfEncrypted: string;
}

function wordsOf(family: Family, selfIndex: number): FamilyWords {
  return { family, ip: protocolWord[family], meshSide: meshSideAddress[family], hostSide: hostSideAddress[family], self: nodeMeshAddress(selfIndex, family), selfEncrypted: nodeMeshAddress(selfIndex, family, 'vxe0') };
}
