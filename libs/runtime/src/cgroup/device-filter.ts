import { effectiveRules } from './device-rules.js';
import type { DeviceRule } from './resources.js';

/** Instructions of eBPF: class, operation and source of each in one byte (Documentation/bpf/standardization of Linux). */
const BPF = { LDX_W: 0x61, JEQ: 0x15, JNE: 0x55, AND: 0x54, MOV_IMM: 0xb7, MOV_REG32: 0xbc, RSH: 0x74, EXIT: 0x95 } as const;
/** Registers: what is returned, the context, then what the prologue reads out of it. */
const R = { result: 0, context: 1, type: 2, wanted: 3, major: 4, minor: 5, scratch: 1 } as const;
const accessBits: Record<string, number> = { m: 1, r: 2, w: 4 };
const allAccess = 7;
const typeNumbers = { b: 1, c: 2 } as const;

/**
 * Device rules as a BPF_PROG_TYPE_CGROUP_DEVICE program: context {access u32, major u32, minor u32}; the low half of the first is the
 * device's type, the high half what is wanted of it; 1 allows. Rules are tried from the last: a refusal of anything wanted ends it, a
 * permission takes off what it grants, until nothing is left to want. So for each kind of access the last rule that speaks of it counts.
 * Undefined: everything is allowed, and no program is needed.
 */
export function compileDeviceFilter(rules: readonly DeviceRule[]): Buffer | undefined {
  const { allowByDefault, exceptions } = effectiveRules(rules);
  if (allowByDefault && exceptions.length === 0) return undefined;
  const prologue = [
    instruction(BPF.LDX_W, R.type, R.context, 0, 0),
    instruction(BPF.MOV_REG32, R.wanted, R.type, 0, 0),
    instruction(BPF.AND, R.type, 0, 0, 0xffff),
    instruction(BPF.RSH, R.wanted, 0, 0, 16),
    instruction(BPF.LDX_W, R.major, R.context, 4, 0),
    instruction(BPF.LDX_W, R.minor, R.context, 8, 0),
  ];
  return Buffer.concat([...prologue, ...[...exceptions].reverse().flatMap(compileRule), ...answer(allowByDefault)]);
}

function answer(allow: boolean): Buffer[] {
  return [instruction(BPF.MOV_IMM, R.result, 0, 0, allow ? 1 : 0), instruction(BPF.EXIT, 0, 0, 0, 0)];
}

function compileRule({ allow, type, major, minor, access }: DeviceRule): Buffer[] {
  if (type === 'a') return [];
  const mask = [...access].reduce((bits, letter) => bits | (accessBits[letter] ?? 0), 0);
  const effect = allow ? grant(mask) : refuse(mask);
  const tests: [number, number][] = [[R.type, typeNumbers[type]]];
  if (major !== undefined) tests.push([R.major, major]);
  if (minor !== undefined) tests.push([R.minor, minor]);
  const length = tests.length + effect.length;
  return [...tests.map(([register, value], index) => instruction(BPF.JNE, register, 0, length - index - 1, value)), ...effect];
}

function grant(mask: number): Buffer[] {
  if (mask === allAccess) return answer(true);
  const yes = answer(true);
  return [instruction(BPF.AND, R.wanted, 0, 0, allAccess & ~mask), instruction(BPF.JNE, R.wanted, 0, yes.length, 0), ...yes];
}

function refuse(mask: number): Buffer[] {
  if (mask === allAccess) return answer(false);
  const no = answer(false);
  return [
    instruction(BPF.MOV_REG32, R.scratch, R.wanted, 0, 0),
    instruction(BPF.AND, R.scratch, 0, 0, mask),
    instruction(BPF.JEQ, R.scratch, 0, no.length, 0),
    ...no,
  ];
}

function instruction(code: number, target: number, source: number, offset: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((source << 4) | target, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}
