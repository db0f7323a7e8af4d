import type { NetworkSpec } from './objects.js';

/** Docker's two spellings, the newer one first. */
const mtuOptions = ['com.docker.network.driver.mtu', 'com.docker.network.mtu'] as const;
/** What others of a network's driver options are for. */
const otherOptions: Record<string, string> = {
  'com.docker.network.driver.overlay.vxlanid_list': 'networks share one tunnel, whose packets need no identifier of their own',
};
/** Options that are acted on elsewhere: encryption. */
const knownElsewhere = new Set(['encrypted']);

/** RFC 791 and RFC 8200: what every link must be able to carry. */
const smallestMtu = { 4: 68, 6: 1280 } as const;
const largestMtu = 65_535;

/** What a packet may be long in this network, in bytes; undefined: as long as the tunnel carries. */
export function mtuOf({ driverOpts }: Pick<NetworkSpec, 'driverOpts'>): number | undefined {
  const text = mtuOptions.map((option) => driverOpts[option]).find((value) => value !== undefined && value !== '');
  return text === undefined || Number(text) === 0 ? undefined : Number(text);
}

/** Why the MTU of a network cannot be. */
export function mtuProblem(spec: NetworkSpec): string | undefined {
  const mtu = mtuOf(spec);
  const smallest = smallestMtu[spec.ipv6 ? 6 : 4];
  if (mtu === undefined || (Number.isInteger(mtu) && mtu >= smallest && mtu <= largestMtu)) return undefined;
  return `the MTU ${mtuOptions.flatMap((option) => spec.driverOpts[option] ?? [])[0]} is no number from ${smallest} to ${largestMtu}`;
}

/** Driver options that nothing acts on, each with the reason. */
export function idleDriverOptions({ driverOpts }: Pick<NetworkSpec, 'driverOpts'>): { option: string; why: string }[] {
  return Object.keys(driverOpts)
    .filter((option) => !(mtuOptions as readonly string[]).includes(option) && !knownElsewhere.has(option))
    .map((option) => ({ option, why: otherOptions[option] ?? `known are ${mtuOptions.join(' and ')}` }));
}
