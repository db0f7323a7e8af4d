import { Refused } from '../../../base/src/index.js';
import { capabilityMask } from '../capabilities.js';
import type { CapabilitySets, ContainerConfig, IoPriority, ProcessPlan, Scheduler, SecurityLabels } from '../container-config.js';
import { RLIM_INFINITY, RLIMIT, type RlimitName } from '../linux.js';
import { mergeEnvironment } from '../process-plan.js';
import { homeOf, type ContainerUser } from '../users.js';
import type { OciProcess } from './spec.js';

/** All that config.json's `process` decides, for a container's first process and for an exec alike. */
export type ProcessPart = Pick<ContainerConfig, 'process' | 'rlimits' | 'oomScoreAdj' | 'capabilities' | 'noNewPrivileges' | 'labels' | 'ioPriority' | 'scheduler'>;

/** @param held what we have ourselves */
export function convertProcess(process: OciProcess, preservedDescriptors: number, held: bigint): ProcessPart {
  return {
    process: processPlan(process, preservedDescriptors),
    rlimits: convertRlimits(process.rlimits ?? []),
    capabilities: convertCapabilities(process.capabilities, held),
    noNewPrivileges: process.noNewPrivileges ?? false,
    labels: labelsOf(process),
    ...(process.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }),
    ...(process.ioPriority ? { ioPriority: convertIoPriority(process.ioPriority) } : {}),
    ...(process.scheduler ? { scheduler: convertScheduler(process.scheduler) } : {}),
  };
}

function processPlan({ args = [], env = [], user, cwd, terminal, consoleSize }: OciProcess, preservedDescriptors: number): ProcessPlan {
  return {
    argv: args,
    // Of two entries with one name the later counts, as a shell would have it.
    env: mergeEnvironment(new Map(), env.filter((entry) => entry.includes('='))),
    user: `${user?.uid ?? 0}:${user?.gid ?? 0}`,
    extraGroups: (user?.additionalGids ?? []).map(String),
    workingDirectory: cwd,
    terminal: terminal ?? false,
    openStdin: true,
    ...(consoleSize ? { terminalSize: { rows: consoleSize.height, columns: consoleSize.width } } : {}),
    ...(user?.umask === undefined ? {} : { umask: user.umask }),
    ...(preservedDescriptors > 0 ? { preservedDescriptors } : {}),
  };
}

function labelsOf({ apparmorProfile, selinuxLabel }: OciProcess): SecurityLabels {
  return { ...(apparmorProfile ? { apparmorProfile } : {}), ...(selinuxLabel ? { selinuxProcess: selinuxLabel } : {}) };
}

function convertRlimits(given: NonNullable<OciProcess['rlimits']>): ContainerConfig['rlimits'] {
  const double = given.find(({ type }, index) => given.some((other, at) => at < index && other.type === type));
  if (double) throw new Refused('invalid', `process.rlimits names ${double.type} twice`);
  return given.map(convertRlimit);
}

function convertRlimit({ type, soft, hard }: { type: string; soft: number; hard: number }): ContainerConfig['rlimits'][number] {
  const name = type.replace(/^RLIMIT_/, '').toLowerCase();
  if (!(name in RLIMIT)) throw new Refused('invalid', `invalid rlimit type: ${type}`);
  return { name: name as RlimitName, soft: limitValue(soft), hard: limitValue(hard) };
}

/** JSON numbers lose the last digits of 2^64-1. */
function limitValue(value: number): bigint {
  return value < 0 || value >= 2 ** 63 ? RLIM_INFINITY : BigInt(Math.trunc(value));
}

/** What this kernel does not know or we do not hold is left out, as the spec wants: a container that asks for more does not fail. */
function convertCapabilities(sets: OciProcess['capabilities'], held: bigint): CapabilitySets {
  const mask = (names: readonly string[] | undefined) => capabilityMask(names ?? []) & held;
  const permitted = mask(sets?.permitted);
  const inheritable = mask(sets?.inheritable);
  return {
    bounding: mask(sets?.bounding), permitted, inheritable,
    // The kernel's own rules: nothing is effective that is not permitted, nothing ambient that is not inheritable, too.
    effective: mask(sets?.effective) & permitted, ambient: mask(sets?.ambient) & permitted & inheritable,
  };
}

function convertIoPriority({ class: given, priority }: { class: string; priority: number }): IoPriority {
  const classes: Record<string, IoPriority['class']> = { IOPRIO_CLASS_RT: 'realtime', IOPRIO_CLASS_BE: 'best-effort', IOPRIO_CLASS_IDLE: 'idle' };
  const found = classes[given];
  if (!found) throw new Refused('invalid', `invalid ioPriority.class "${given}": known are ${Object.keys(classes).join(', ')}`);
  if (!(priority >= 0 && priority <= 7)) throw new Refused('invalid', `invalid ioPriority.Priority: ${priority}: it goes from 0 to 7`);
  return { class: found, level: priority };
}

const policies: Record<string, number> = { SCHED_OTHER: 0, SCHED_FIFO: 1, SCHED_RR: 2, SCHED_BATCH: 3, SCHED_ISO: 4, SCHED_IDLE: 5, SCHED_DEADLINE: 6 };
const schedulerFlags: Record<string, bigint> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01n, SCHED_FLAG_RECLAIM: 0x02n, SCHED_FLAG_DL_OVERRUN: 0x04n, SCHED_FLAG_KEEP_POLICY: 0x08n,
  SCHED_FLAG_KEEP_PARAMS: 0x10n, SCHED_FLAG_UTIL_CLAMP_MIN: 0x20n, SCHED_FLAG_UTIL_CLAMP_MAX: 0x40n,
};

function convertScheduler(given: NonNullable<OciProcess['scheduler']>): Scheduler {
  const policy = policies[given.policy];
  if (policy === undefined) throw new Refused('invalid', `invalid scheduler policy "${given.policy}": known are ${Object.keys(policies).join(', ')}`);
  const flags = (given.flags ?? []).reduce((bits, name) => {
    const flag = schedulerFlags[name];
    if (flag === undefined) throw new Refused('invalid', `invalid scheduler flag "${name}"`);
    return bits | flag;
  }, 0n);
  return {
    policy, flags, nice: given.nice ?? 0, priority: given.priority ?? 0,
    runtimeNs: BigInt(given.runtime ?? 0), deadlineNs: BigInt(given.deadline ?? 0), periodNs: BigInt(given.period ?? 0),
  };
}

/** Podman's `--group-add keep-groups`: the groups of who calls us stay. */
const keepGroups = 'run.oci.keep_original_groups';

/** Numbers as given; only the home is looked up. `callerGroups`: ours. */
export function userOf({ user }: OciProcess, passwd: string, annotations: Record<string, string> = {}, callerGroups: number[] = []): ContainerUser {
  const uid = user?.uid ?? 0;
  return { uid, gid: user?.gid ?? 0, groups: [...(annotations[keepGroups] === '1' ? callerGroups : []), ...(user?.additionalGids ?? [])], home: homeOf(uid, passwd) };
}
