import { Refused } from '../../../libs/base/src/index.js';
import type { NodePolicy } from '../../../libs/worker/src/index.js';

/** What containers may have of this node. Patterns know `*`; `none` alone allows nothing. */
export const policyOptions = {
  'allow-privileged': { type: 'string', default: 'yes' },
  'allow-host-namespaces': { type: 'string', default: 'yes' },
  'allow-unconfined': { type: 'string', default: 'yes' },
  'allow-devices': { type: 'string', multiple: true, default: ['*'] as string[] },
  'allow-binds': { type: 'string', multiple: true, default: ['*'] as string[] },
  'allow-capabilities': { type: 'string', multiple: true, default: ['*'] as string[] },
} as const;

export const policyUsage = `What containers may have of this host; everything by default, as with Docker:

  --allow-privileged yes|no         privileged containers
  --allow-host-namespaces yes|no    the host's network, processes, IPC, hostname, cgroups, users
  --allow-unconfined yes|no         containers without seccomp, AppArmor, labels or masked paths
  --allow-devices PATTERN           devices such as '/dev/dri/*'; repeatable; none: no device
  --allow-binds PATTERN             paths to mount such as '/srv/*'; repeatable; none: no path
  --allow-capabilities PATTERN      capabilities to add such as CAP_NET_ADMIN; repeatable; none: no capability
`;

type PolicyFlags = { [K in keyof typeof policyOptions]: (typeof policyOptions)[K] extends { multiple: true } ? string[] : string };

export function policyFrom(flags: PolicyFlags): NodePolicy {
  return {
    privileged: isAllowed(flags, 'allow-privileged'),
    hostNamespaces: isAllowed(flags, 'allow-host-namespaces'),
    unconfined: isAllowed(flags, 'allow-unconfined'),
    devices: patterns(flags['allow-devices']),
    binds: patterns(flags['allow-binds']),
    capabilities: patterns(flags['allow-capabilities']),
  };
}

function isAllowed(flags: PolicyFlags, name: 'allow-privileged' | 'allow-host-namespaces' | 'allow-unconfined'): boolean {
  const value = flags[name];
  if (value !== 'yes' && value !== 'no') throw new Refused('invalid', `--${name} ${value}: expected yes or no`);
  return value === 'yes';
}

function patterns(given: string[]): string[] {
  return given.length === 1 && given[0] === 'none' ? [] : given;
}
