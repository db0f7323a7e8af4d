import type { NetworkSpec } from './objects.js';

/** Docker's option: given at all, it says yes. One that says no in words means no. */
export function isEncrypted(network: { spec: Pick<NetworkSpec, 'driverOpts'> } | undefined): boolean {
  const option = network?.spec.driverOpts.encrypted;
  return option !== undefined && !['false', '0', 'no'].includes(option.toLowerCase());
}
