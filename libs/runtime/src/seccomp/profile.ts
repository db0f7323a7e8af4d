import { normalArchitecture } from '../../../model/src/index.js';
import { capabilityNames } from '../capabilities.js';
import { isAtLeast, type HostFacts } from '../host-facts.js';

/** The shape of Docker's and OCI's seccomp profiles. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  syscalls: ProfileRule[];
}

interface ProfileRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
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

export type Action = { kind: 'allow' } | { kind: 'errno'; errno: number } | { kind: 'kill' };

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

function expandRule({ names, action, errnoRet, args = [] }: ProfileRule): ExpandedRule[] {
  const conditions = args.map(({ index, op, value, valueTwo = 0 }): Condition => ({
    index,
    operator: op.replace('SCMP_CMP_', '') as ConditionOperator,
    value: BigInt(value),
    valueTwo: BigInt(valueTwo),
  }));
  return names.map((name) => ({ name, action: actionOf(action, errnoRet), conditions }));
}

function actionOf(name: string, errno: number | undefined): Action {
  if (name === 'SCMP_ACT_ALLOW') return { kind: 'allow' };
  if (name === 'SCMP_ACT_ERRNO') return { kind: 'errno', errno: errno ?? defaultErrno };
  return { kind: 'kill' };
}
