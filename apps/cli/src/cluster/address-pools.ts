import { Refused, systemRandom } from '../../../../libs/base/src/index.js';
import { checkPools, clearPool, poolClashes, type HostRoute } from '../../../../libs/model/src/index.js';

/** Pools of both families: those that were asked for, and a free one of each family that nothing was asked of. `Refused` where this host has routes into one. */
export function choosePools(wanted: readonly string[], subnetBits: number, routes: readonly HostRoute[]): string[] {
  try {
    checkPools(wanted, subnetBits);
  } catch (error) {
    if (error instanceof Refused) throw new Refused('invalid', `--default-addr-pool: ${error.message}`);
    throw error;
  }
  const [clash] = poolClashes(wanted, routes);
  if (clash) {
    throw new Refused('precondition', `--default-addr-pool ${clash.pool}: this host has a route to ${clash.route.block} (${clash.route.link}), which containers could not reach any more: choose another pool`);
  }
  const ipv4 = wanted.some((pool) => !pool.includes(':')) ? [] : [freePool(routes)];
  const ipv6 = wanted.some((pool) => pool.includes(':')) ? [] : [uniqueLocalPool()];
  return [...wanted, ...ipv4, ...ipv6];
}

function freePool(routes: readonly HostRoute[]): string {
  const pool = clearPool(routes);
  if (pool === undefined) throw new Refused('precondition', 'this host has routes into every range for private use (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16): give a pool for networks with --default-addr-pool');
  return pool;
}

/** Unique local addresses (RFC 4193): `fd`, 40 bits drawn by lot, and room for 65 536 networks. */
function uniqueLocalPool(): string {
  return `fd${[8, 16, 16].map((bits) => systemRandom.below(2 ** bits).toString(16).padStart(bits / 4, '0')).join(':')}::/48`;
}
