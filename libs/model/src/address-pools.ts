import { Refused } from '../../base/src/index.js';
import { formatIpNetwork, lastAddress, overlap, parseIpNetwork, wholeNetwork, type IpNetwork } from './ip-network.js';

/** Ranges for private use (RFC 1918), in the order in which a pool is sought in them; the first is Swarm's. */
const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];
/** A smaller pool would be used up soon. */
const smallestPoolBits = 16;
/** What IPv6 calls a subnet. */
export const ipv6SubnetBits = 64;
/** A /30 has one address for a task; larger subnets than a /8 there are none. */
const subnetBitsLimits = { least: 8, most: 30 } as const;

/** A block that a host has a route to. */
export interface HostRoute {
  /** `192.168.7.0/24` */
  block: string;
  /** Name of its link. */
  link: string;
}

/** The largest block for private use that no route of the host leads into; undefined: they lead into all of them. */
export function clearPool(routes: readonly HostRoute[]): string | undefined {
  const blocks = routes.flatMap(({ block }) => blockOf(block) ?? []);
  for (const range of privateRanges.map((text) => parseIpNetwork(text)!)) {
    for (let prefixLength = range.prefixLength; prefixLength <= smallestPoolBits; prefixLength++) {
      const step = 1n << BigInt(range.bits - prefixLength);
      for (let { address } = range; address <= lastAddress(range); address += step) {
        const pool = { bits: range.bits, address, prefixLength };
        if (!blocks.some((block) => overlap(block, pool))) return formatIpNetwork(pool);
      }
    }
  }
  return undefined;
}

/** A pool, and the route of a host that leads into it. */
export interface PoolClash {
  pool: string;
  route: HostRoute;
}

export function poolClashes(pools: readonly string[], routes: readonly HostRoute[]): PoolClash[] {
  return pools.flatMap((pool) => {
    const own = blockOf(pool);
    return routes.filter(({ block }) => own && blockOf(block) && overlap(own, blockOf(block)!)).map((route) => ({ pool, route }));
  });
}

/** Refuses pools that no subnet can be taken from. `subnetBits` is that of IPv4 subnets. */
export function checkPools(pools: readonly string[], subnetBits: number): void {
  const { least, most } = subnetBitsLimits;
  if (!Number.isInteger(subnetBits) || subnetBits < least || subnetBits > most) throw new Refused('invalid', `a mask length of ${subnetBits} is not between ${least} and ${most}`);
  const blocks = pools.map((text) => {
    const block = blockOf(text);
    if (!block || !text.includes('/')) throw new Refused('invalid', `the address pool ${text} is none: it has the form 10.64.0.0/10 or fd00:64::/48`);
    const longest = block.bits === 32 ? subnetBits : ipv6SubnetBits;
    if (block.prefixLength > longest) throw new Refused('invalid', `the address pool ${text} is smaller than one subnet, a /${longest}`);
    return block;
  });
  for (const [index, block] of blocks.entries()) {
    const other = blocks.slice(0, index).findIndex((earlier) => overlap(earlier, block));
    if (other >= 0) throw new Refused('invalid', `the address pools ${pools[other]} and ${pools[index]} overlap`);
  }
}

function blockOf(text: string): IpNetwork | undefined {
  const parsed = parseIpNetwork(text);
  return parsed && wholeNetwork(parsed);
}
