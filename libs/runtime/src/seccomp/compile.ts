import type { Action, Condition, ExpandedProfile, ExpandedRule } from './profile.js';

/** One instruction of a classic BPF program. */
export interface Instruction {
  code: number;
  jumpTrue: number;
  jumpFalse: number;
  value: number;
}

/** A syscall table and the number that the kernel knows its architecture by. */
export interface SyscallTable {
  /** By libseccomp's name. */
  name: string;
  auditArchitecture: number;
  numbers: Readonly<Record<string, number>>;
}

export const BPF = { LD_ABS: 0x20, JA: 0x05, JEQ: 0x15, JGT: 0x25, JGE: 0x35, AND: 0x54, RET: 0x06 } as const;
const offsets = { number: 0, architecture: 4, arguments: 16 } as const;
const ENOSYS = 38;
const maxJump = 255;

/**
 * A profile as one BPF program: a balanced tree over intervals of syscall numbers for each architecture, so that no call
 * takes more than some eight comparisons. Numbers above those that the profile knows are ENOSYS, not EPERM: libc then
 * falls back to older calls. A call of an unknown architecture kills.
 */
export function compileProfile(profile: ExpandedProfile, tables: readonly SyscallTable[]): Instruction[] {
  const blocks = tables.flatMap((table) => {
    const block = [load(offsets.number), ...tree(intervals(profile, table))];
    return [jump(BPF.JEQ, table.auditArchitecture, 1, 0), jumpAlways(block.length), ...block];
  });
  return [load(offsets.architecture), ...blocks, answer({ kind: 'kill' })];
}

interface Interval {
  start: number;
  code: Instruction[];
}

/** Neighbours with equal answers are one interval. */
function intervals(profile: ExpandedProfile, { numbers }: SyscallTable): Interval[] {
  const otherwise = [answer(profile.defaultAction)];
  // A profile that allows what it does not name allows what it does not know, too.
  const isPermissive = profile.defaultAction.kind === 'allow' || profile.defaultAction.kind === 'log';
  const unknown = isPermissive ? otherwise : [answer({ kind: 'errno', errno: ENOSYS })];
  const highest = Math.max(0, ...profile.knownNames.map((name) => numbers[name] ?? 0));
  const codes = codesByNumber(profile, numbers);
  const all: Interval[] = [];
  for (let number = 0; number <= highest + 1; number++) {
    const code = number > highest ? unknown : (codes.get(number) ?? otherwise);
    if (all.length === 0 || !isSame(all[all.length - 1]!.code, code)) all.push({ start: number, code });
  }
  return all;
}

function codesByNumber(profile: ExpandedProfile, numbers: SyscallTable['numbers']): Map<number, Instruction[]> {
  const byNumber = new Map<number, ExpandedRule[]>();
  for (const rule of profile.rules) {
    const number = numbers[rule.name];
    if (number !== undefined) byNumber.set(number, [...(byNumber.get(number) ?? []), rule]);
  }
  return new Map([...byNumber].map(([number, rules]) => [number, compileRules(rules, profile.defaultAction)]));
}

/** An unconditional rule settles it; otherwise the alternatives are tried in turn. */
function compileRules(rules: readonly ExpandedRule[], otherwise: Action): Instruction[] {
  const unconditional = rules.find(({ conditions }) => conditions.length === 0);
  if (unconditional) return [answer(unconditional.action)];
  return [...rules.flatMap(compileRule), answer(otherwise)];
}

function compileRule({ conditions, action }: ExpandedRule): Instruction[] {
  const pieces = conditions.map(compileCondition);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0) + 1;
  const code = [...pieces.flat(), { ...answer(action), onTrue: 0, onFalse: 0 }];
  return code.map(({ code: operation, value, onTrue, onFalse }: Pending | (Instruction & Pending), index) => ({
    code: operation,
    value,
    jumpTrue: onTrue === 'fail' ? length - index - 1 : onTrue,
    jumpFalse: onFalse === 'fail' ? length - index - 1 : onFalse,
  }));
}

/** An instruction whose jumps may lead to the next rule. */
interface Pending {
  code: number;
  value: number;
  onTrue: number | 'fail';
  onFalse: number | 'fail';
}

/** Arguments have 64 bits, comparisons 32: the high half decides unless it is equal. */
function compileCondition({ index, operator, value, valueTwo }: Condition): Pending[] {
  const low = { ...load(offsets.arguments + 8 * index), onTrue: 0, onFalse: 0 };
  const high = { ...load(offsets.arguments + 8 * index + 4), onTrue: 0, onFalse: 0 };
  const compare = (code: number, number: number, onTrue: Pending['onTrue'], onFalse: Pending['onFalse']): Pending => ({ code, value: number, onTrue, onFalse });
  const mask = (number: number) => compare(BPF.AND, number, 0, 0);
  const [valueHigh, valueLow] = halves(value);
  const [twoHigh, twoLow] = halves(valueTwo);
  switch (operator) {
    case 'EQ':
      return [high, compare(BPF.JEQ, valueHigh, 0, 'fail'), low, compare(BPF.JEQ, valueLow, 0, 'fail')];
    case 'NE':
      return [high, compare(BPF.JEQ, valueHigh, 0, 2), low, compare(BPF.JEQ, valueLow, 'fail', 0)];
    case 'MASKED_EQ':
      return [high, mask(valueHigh), compare(BPF.JEQ, twoHigh, 0, 'fail'), low, mask(valueLow), compare(BPF.JEQ, twoLow, 0, 'fail')];
    case 'GT':
    case 'GE':
      return [high, compare(BPF.JGT, valueHigh, 3, 0), compare(BPF.JEQ, valueHigh, 0, 'fail'), low, compare(operator === 'GT' ? BPF.JGT : BPF.JGE, valueLow, 0, 'fail')];
    case 'LT':
    case 'LE':
      return [high, compare(BPF.JGT, valueHigh, 'fail', 0), compare(BPF.JEQ, valueHigh, 0, 2), low, compare(operator === 'LT' ? BPF.JGE : BPF.JGT, valueLow, 'fail', 0)];
  }
}

function tree(all: readonly Interval[]): Instruction[] {
  if (all.length === 1) return all[0]!.code;
  const middle = all.length >> 1;
  const below = tree(all.slice(0, middle));
  const above = tree(all.slice(middle));
  const start = all[middle]!.start;
  if (below.length <= maxJump) return [jump(BPF.JGE, start, below.length, 0), ...below, ...above];
  return [jump(BPF.JGE, start, 0, 1), jumpAlways(below.length), ...below, ...above];
}

function load(offset: number): Instruction {
  return { code: BPF.LD_ABS, jumpTrue: 0, jumpFalse: 0, value: offset };
}

function jump(code: number, value: number, jumpTrue: number, jumpFalse: number): Instruction {
  return { code, jumpTrue, jumpFalse, value };
}

function jumpAlways(length: number): Instruction {
  return { code: BPF.JA, jumpTrue: 0, jumpFalse: 0, value: length };
}

/** SECCOMP_RET_*. */
export function answerOf(action: Action): number {
  switch (action.kind) {
    case 'allow':
      return 0x7fff0000;
    case 'errno':
      return 0x00050000 | action.errno;
    case 'kill':
      return 0x80000000;
    case 'kill-thread':
      return 0x00000000;
    case 'trap':
      return 0x00030000 | action.data;
    case 'trace':
      return 0x7ff00000 | action.data;
    case 'notify':
      return 0x7fc00000;
    case 'log':
      return 0x7ffc0000;
  }
}

function answer(action: Action): Instruction {
  return { code: BPF.RET, jumpTrue: 0, jumpFalse: 0, value: answerOf(action) };
}

function halves(value: bigint): [number, number] {
  return [Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn)];
}

function isSame(a: readonly Instruction[], b: readonly Instruction[]): boolean {
  return a.length === b.length && a.every((one, index) => {
    const other = b[index]!;
    return one.code === other.code && one.value === other.value && one.jumpTrue === other.jumpTrue && one.jumpFalse === other.jumpFalse;
  });
}

const instructionBytes = 8;

/** As `struct sock_filter`s. */
export function encodeInstructions(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * instructionBytes);
  program.forEach(({ code, jumpTrue, jumpFalse, value }, index) => {
    const at = index * instructionBytes;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(jumpTrue, at + 2);
    bytes.writeUInt8(jumpFalse, at + 3);
    bytes.writeUInt32LE(value >>> 0, at + 4);
  });
  return bytes;
}
