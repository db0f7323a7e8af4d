import { Refused } from '../../base/src/index.js';
import type { CapabilitySets } from './container-config.js';

const names = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT',
  'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE',
  'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ',
  'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
] as const;

/** Docker's fourteen. */
const defaultNames = [
  'CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE',
  'SYS_CHROOT', 'KILL', 'AUDIT_WRITE',
];

const ALL = 'ALL';

/**
 * Docker's rules: `ALL` added means everything but the drops; `ALL` dropped means exactly the adds; a name at both ends is added.
 * Nothing that this process does not hold is ever asked for: by default it is left out, by name it is refused.
 */
export function capabilitySet(adds: readonly string[], drops: readonly string[], held: bigint): bigint {
  const added = adds.map(normalName);
  const dropped = drops.map(normalName);
  for (const name of added) if (name !== ALL && (held & bitOf(name)) === 0n) {
    throw new Refused('forbidden', `capability CAP_${name} cannot be added: the agent does not hold it`);
  }
  const plainAdds = maskOf(added.filter((name) => name !== ALL));
  const plainDrops = maskOf(dropped.filter((name) => name !== ALL));
  if (added.includes(ALL)) return held & ~plainDrops;
  const base = dropped.includes(ALL) ? 0n : maskOf(defaultNames) & ~plainDrops;
  return (base | plainAdds) & held;
}

/** Docker's way: nothing is inheritable or ambient (CVE-2022-24769), so that only root has any. */
export function containerCapabilities(set: bigint): CapabilitySets {
  return { bounding: set, permitted: set, effective: set, inheritable: 0n, ambient: 0n };
}

/** `CAP_CHOWN` and its like, for the seccomp profile. */
export function capabilityNames(set: bigint): Set<string> {
  return new Set(names.filter((name) => (set & bitOf(name)) !== 0n).map((name) => `CAP_${name}`));
}

function normalName(given: string): string {
  const name = given.trim().toUpperCase().replace(/^CAP_/, '');
  if (name !== ALL && !names.includes(name as (typeof names)[number])) throw new Refused('invalid', `unknown capability "${given}"`);
  return name;
}

function bitOf(name: string): bigint {
  return 1n << BigInt(names.indexOf(name as (typeof names)[number]));
}

function maskOf(list: readonly string[]): bigint {
  return list.reduce((mask, name) => mask | bitOf(name), 0n);
}

/** Just these, as OCI configs list them; a name that is unknown here is left out, as the OCI spec wants it. */
export function capabilityMask(given: readonly string[]): bigint {
  const known = given.map((name) => name.trim().toUpperCase().replace(/^CAP_/, '')).filter((name) => names.includes(name as (typeof names)[number]));
  return maskOf(known);
}

export function allCapabilityNames(): string[] {
  return names.map((name) => `CAP_${name}`);
}
