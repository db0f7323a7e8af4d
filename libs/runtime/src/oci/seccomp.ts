import { Refused } from '../../../base/src/index.js';
import type { SeccompChoice } from '../container-config.js';
import type { Operation } from '../operations.js';
import type { SeccompProfile } from '../seccomp/profile.js';
import type { OciSeccomp, OciState } from './spec.js';

/** SECCOMP_FILTER_FLAG_*. A process that is about to execute has one thread: there is nobody to synchronize with. */
const filterFlags: Record<string, number> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
};
const newListener = 1 << 3;

/** Throws `Refused` for what filters cannot do. */
export function convertSeccomp(given: OciSeccomp | undefined): SeccompChoice {
  if (!given) return 'unconfined';
  const { listenerPath, listenerMetadata } = given;
  checkNotify(given);
  if (listenerMetadata && !listenerPath) throw new Refused('invalid', 'linux.seccomp.listenerMetadata is only for a listenerPath');
  const flags = (given.flags ?? []).reduce((bits, name) => bits | flagOf(name), listenerPath ? newListener : 0);
  return {
    profile: { ...given, syscalls: (given.syscalls ?? []).flatMap(splitAlternatives) } as SeccompProfile,
    ...(flags ? { flags } : {}),
    ...(listenerPath ? { listener: { path: listenerPath, ...(listenerMetadata === undefined ? {} : { metadata: listenerMetadata }) } } : {}),
  };
}

const notify = 'SCMP_ACT_NOTIFY';

/** As runc: nobody could be told about what every program does all the time. */
function checkNotify({ defaultAction, syscalls = [], listenerPath }: OciSeccomp): void {
  const rules = syscalls.filter(({ action }) => action === notify);
  if (defaultAction === notify) throw new Refused('invalid', 'SCMP_ACT_NOTIFY cannot be used as default action');
  if (rules.some(({ names }) => names.includes('write'))) throw new Refused('invalid', 'SCMP_ACT_NOTIFY cannot be used for the write syscall');
  if (rules.length > 0 && !listenerPath) throw new Refused('invalid', 'SCMP_ACT_NOTIFY of linux.seccomp needs a listenerPath');
}

function flagOf(name: string): number {
  const flag = filterFlags[name];
  if (flag === undefined) throw new Refused('invalid', `unknown flag "${name}" of linux.seccomp: known are ${Object.keys(filterFlags).join(', ')}`);
  return flag;
}

type SeccompRule = NonNullable<OciSeccomp['syscalls']>[number];

/** Two conditions on one argument cannot both be meant: runc and libseccomp take them as alternatives. */
function splitAlternatives(rule: SeccompRule): SeccompRule[] {
  const args = rule.args ?? [];
  const isDouble = new Set(args.map(({ index }) => index)).size < args.length;
  return isDouble ? args.map((one) => ({ ...rule, args: [one] })) : [rule];
}

/** Of the message, as the spec shows it and crun sends it; the container's state has a version of its own. */
const processStateVersion = '0.2.0';

/**
 * Connects to who decides about system calls, with OCI's "container process state" for it.
 * @param pid of the process with the filter, by the host's numbers
 */
export function compileListener(seccomp: SeccompChoice, pid: number, state: OciState): Operation[] {
  if (!hasListener(seccomp)) return [];
  const { path, metadata = '' } = seccomp.listener;
  return [['seccompListener', path, JSON.stringify({ ociVersion: processStateVersion, fds: ['seccompFd'], pid, metadata, state })]];
}

export function hasListener(seccomp: SeccompChoice): seccomp is Extract<SeccompChoice, { profile: unknown }> & { listener: object } {
  return typeof seccomp === 'object' && seccomp.listener !== undefined;
}
