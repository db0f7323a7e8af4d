import { readFileSync } from 'node:fs';
import { isErrno } from '../../base/src/index.js';
import { formatIp, parseIpNetwork, type HostRoute } from '../../model/src/index.js';

/** proc(5) and net/ipv6/route.c: flags and columns of the two files. */
const localRoute = 0x80000000;
const upRoute = 1;
const rejectRoute = 0x200;

/**
 * Blocks that this process' host has a way to, without that to everywhere, to itself, and to single links only. `ownLinks`: prefix of
 * the names of links that are our own.
 */
export function hostRoutes(ownLinks = 'shoal'): HostRoute[] {
  return [...ipv4Routes(lines('/proc/net/route').slice(1)), ...ipv6Routes(lines('/proc/net/ipv6_route'))].filter(({ link }) => link !== 'lo' && !link.startsWith(ownLinks));
}

/** `eth0 000A0A0A 00000000 0001 0 0 0 00FFFFFF 0 0 0`: destination and mask as numbers in the host's order of bytes. */
export function ipv4Routes(rows: readonly string[]): HostRoute[] {
  return rows.flatMap((row) => {
    const [link = '', destination = '', , flags = '', , , , mask = ''] = row.split('\t').map((word) => word.trim());
    const length = [...parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
    const isUsable = (parseInt(flags, 16) & upRoute) !== 0 && (parseInt(flags, 16) & rejectRoute) === 0;
    const address = Buffer.from(destination, 'hex').reverse().join('.');
    return isUsable && length > 0 && !isLinkLocal(address) ? [{ block: `${address}/${length}`, link }] : [];
  });
}

/** `fd000000000000000000000000000000 40 …source… 00 …gateway… metric refcount use flags link` */
export function ipv6Routes(rows: readonly string[]): HostRoute[] {
  return rows.flatMap((row) => {
    const [destination = '', length = '', , , , , , , flags = '', link = ''] = row.trim().split(/\s+/);
    const bits = parseInt(flags, 16);
    const address = destination === '' ? '' : formatIp(BigInt(`0x${destination}`), 128);
    const isUsable = address !== '' && (bits & localRoute) === 0 && (bits & upRoute) !== 0 && (bits & rejectRoute) === 0;
    return isUsable && parseInt(length, 16) > 0 && !isLinkLocal(address) ? [{ block: `${address}/${parseInt(length, 16)}`, link }] : [];
  });
}

/** Link-local and multicast addresses: every link has its own. */
function isLinkLocal(address: string): boolean {
  const first = parseIpNetwork(address)!;
  const top = Number(first.address >> BigInt(first.bits - 16));
  return first.bits === 32 ? top === 0xa9fe || top >> 12 === 0xe : (top & 0xffc0) === 0xfe80 || top >> 8 === 0xff;
}

/** A host without IPv6 has no such file. */
function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
