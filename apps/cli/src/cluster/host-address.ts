import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Refused } from '../../../../libs/base/src/index.js';

/** Containers' traffic leaves from this address: it must be one that this host has. */
export function requireOwnAddress(option: string, address: string): void {
  requireAddress(option, address);
  const own = ownAddresses();
  if (own.includes(address)) return;
  const found = own.length === 0 ? 'it has none' : `it has ${own.join(', ')}`;
  throw new Refused('invalid', `${option} ${address}: it is on no interface of this host (${found}); behind an address translation give the host's own one with --data-path-addr`);
}

export function requireAddress(option: string, address: string): void {
  if (!isIP(address)) throw new Refused('invalid', `${option} ${address}: expected an IP address`);
}

/** The host's address when it has only one; several are a choice that only the operator can make. */
export function onlyAddress(): string {
  const addresses = ownAddresses().filter((address) => isIP(address) === 4);
  if (addresses.length === 1) return addresses[0]!;
  const found = addresses.length === 0 ? 'has no address besides loopback' : `has several addresses (${addresses.join(', ')})`;
  throw new Refused('invalid', `could not choose an address for others to reach this host at: it ${found}: give one with --advertise-addr`);
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
}
