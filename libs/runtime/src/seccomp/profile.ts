import { Refused } from '../../../base/src/index.js';
import { normalArchitecture } from '../../../model/src/index.js';
import { capabilityNames } from '../capabilities.js';
import { isAtLeast, type HostFacts } from '../host-facts.js';

/** The shape of Docker's and OCI's seccomp profiles. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  /** `SCMP_ARCH_X86_64`, …: calls of others kill. Absent: all that the processor has. */
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  syscalls: ProfileRule[];
}

interface ProfileRule {
  names: string[];
  /** Of older profiles, in place of `names`. */
  name?: string;
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[] | null;
  includes?: RuleFilter;
  excludes?: RuleFilter;
}

interface RuleFilter {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

export type ConditionOperator = 'NE' | 'LT' | 'LE' | 'EQ' | 'GE' | 'GT' | 'MASKED_EQ';

export interface Condition {
  /** Which of the six arguments. */
  index: number;
  operator: ConditionOperator;
  /** Of MASKED_EQ: the mask. */
  value: bigint;
  /** Of MASKED_EQ: what must remain. */
  valueTwo: bigint;
}

/** `data` is what a tracer, or who handles the signal, is told. */
export type Action =
  | { kind: 'allow' | 'log' | 'kill' | 'kill-thread' | 'notify' }
  | { kind: 'errno'; errno: number }
  | { kind: 'trace' | 'trap'; data: number };

/** One syscall's rule; all conditions must hold. Several rules for one name are alternatives. */
export interface ExpandedRule {
  name: string;
  action: Action;
  conditions: Condition[];
}

export interface ExpandedProfile {
  defaultAction: Action;
  rules: ExpandedRule[];
  /** Every name the profile speaks of, whether it applies here or not. */
  knownNames: string[];
}

const defaultErrno = 1; // EPERM

/** What of the profile applies to this machine and these (bounding) capabilities. */
export function expandProfile(profile: SeccompProfile, capabilities: bigint, host: Pick<HostFacts, 'architecture' | 'kernel'>): ExpandedProfile {
  const held = capabilityNames(capabilities);
  const architecture = normalArchitecture(host.architecture);
  const newEnough = (minKernel: string) => {
    const [major = 0, minor = 0] = minKernel.split('.').map(Number);
    return isAtLeast(host.kernel, major, minor);
  };
  const applies = ({ includes = {}, excludes = {} }: ProfileRule) =>
    !excludes.arches?.includes(architecture) &&
    !excludes.caps?.some((name) => held.has(name)) &&
    !(excludes.minKernel && newEnough(excludes.minKernel)) &&
    (!includes.arches || includes.arches.includes(architecture)) &&
    (includes.caps ?? []).every((name) => held.has(name)) &&
    (!includes.minKernel || newEnough(includes.minKernel));
  return {
    defaultAction: actionOf(profile.defaultAction, profile.defaultErrnoRet),
    rules: profile.syscalls.filter(applies).flatMap(expandRule),
    knownNames: profile.syscalls.flatMap(({ names }) => names),
  };
}

function expandRule({ names, action, errnoRet, args }: ProfileRule): ExpandedRule[] {
  const conditions = (args ?? []).map(({ index, op, value, valueTwo = 0 }): Condition => ({
    index,
    operator: op.replace('SCMP_CMP_', '') as ConditionOperator,
    value: BigInt(value),
    valueTwo: BigInt(valueTwo),
  }));
  return names.map((name) => ({ name, action: actionOf(action, errnoRet), conditions }));
}

function actionOf(name: string, errno: number | undefined): Action {
  switch (name) {
    case 'SCMP_ACT_ALLOW':
      return { kind: 'allow' };
    case 'SCMP_ACT_LOG':
      return { kind: 'log' };
    case 'SCMP_ACT_ERRNO':
      return { kind: 'errno', errno: errno ?? defaultErrno };
    case 'SCMP_ACT_TRACE':
      return { kind: 'trace', data: errno ?? defaultErrno };
    case 'SCMP_ACT_TRAP':
      return { kind: 'trap', data: 0 };
    case 'SCMP_ACT_NOTIFY':
      return { kind: 'notify' };
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return { kind: 'kill-thread' };
    case 'SCMP_ACT_KILL_PROCESS':
      return { kind: 'kill' };
    default:
      throw new Refused('invalid', `unknown or unsupported seccomp action "${name}"`);
  }
}

const operators = new Set(['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`));

/** Reads a profile in Docker's format. Refuses what it cannot mean, before a container is begun. */
export function parseSeccompProfile(text: string): SeccompProfile {
  let given: SeccompProfile;
  try {
    given = JSON.parse(text) as SeccompProfile;
  } catch (error) {
    throw new Refused('invalid', 'the seccomp profile is no JSON', { cause: error });
  }
  if (typeof given?.defaultAction !== 'string') throw new Refused('invalid', 'the seccomp profile has no "defaultAction"');
  return checkSeccompProfile(given);
}

/** Throws `Refused` at actions, comparisons and arguments that do not exist. */
export function checkSeccompProfile(profile: SeccompProfile): SeccompProfile {
  if ([profile, ...(profile.syscalls ?? [])].some((one) => ('defaultAction' in one ? one.defaultAction : one.action) === 'SCMP_ACT_NOTIFY')) {
    throw new Refused('unsupported', 'the seccomp action "SCMP_ACT_NOTIFY" needs a program that decides about system calls: a service cannot name one');
  }
  actionOf(profile.defaultAction, undefined);
  const syscalls = (profile.syscalls ?? []).map((rule) => ({ ...rule, names: rule.names ?? (rule.name ? [rule.name] : []) }));
  for (const { names, action, args } of syscalls) {
    actionOf(action, undefined);
    const where = `the seccomp rule of ${names.join(', ')}`;
    if (names.length === 0) throw new Refused('invalid', 'a seccomp rule names no system call');
    for (const { index, op } of args ?? []) {
      if (!operators.has(op)) throw new Refused('invalid', `${where} has an unknown comparison "${op}"`);
      if (!Number.isInteger(index) || index < 0 || index > 5) throw new Refused('invalid', `${where} looks at argument ${index}: there are 0 to 5`);
    }
  }
  return { ...profile, syscalls };
}
