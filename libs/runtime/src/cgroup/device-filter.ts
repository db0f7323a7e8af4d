import type { DeviceRule } from './device-rules.js';

const BPF = { LDX_W: 0x61, JNE: 0x55, AND: 0x54, MOV_IMM: 0xb7, MOV_REG32: 0xbc, RSH: 0x74, EXIT: 0x95, JNE_REG: 0x5d } as const;
const accessBits: Record<string, number> = { m: 1, r: 2, w: 4 };
const allAccess = 7;
const typeNumbers = { b: 1, c: 2 } as const;

/**
 * Device rules as a BPF_PROG_TYPE_CGROUP_DEVICE program: context {access type u32, major u32, minor u32}; the low half of the
 * first is the device's type, the high half what is wanted of it; 1 allows. A rule allows when it covers all that is wanted.
 */
export function compileDeviceFilter(rules: readonly DeviceRule[]): Buffer {
  const prologue = [
    instruction(BPF.LDX_W, 2, 1, 0, 0),
    instruction(BPF.MOV_REG32, 3, 2, 0, 0),
    instruction(BPF.AND, 2, 0, 0, 0xffff),
    instruction(BPF.RSH, 3, 0, 0, 16),
    instruction(BPF.LDX_W, 4, 1, 4, 0),
    instruction(BPF.LDX_W, 5, 1, 8, 0),
  ];
  const deny = [instruction(BPF.MOV_IMM, 0, 0, 0, 0), instruction(BPF.EXIT, 0, 0, 0, 0)];
  return Buffer.concat([...prologue, ...rules.flatMap(compileRule), ...deny]);
}

function compileRule({ type, major, minor, access }: DeviceRule): Buffer[] {
  const mask = [...access].reduce((bits, letter) => bits | (accessBits[letter] ?? 0), 0);
  const tests: ((skip: number) => Buffer)[] = [(skip) => instruction(BPF.JNE, 2, 0, skip, typeNumbers[type])];
  if (mask !== allAccess) {
    tests.push(
      () => instruction(BPF.MOV_REG32, 1, 3, 0, 0),
      () => instruction(BPF.AND, 1, 0, 0, mask),
      (skip) => instruction(BPF.JNE_REG, 1, 3, skip, 0),
    );
  }
  if (major !== undefined) tests.push((skip) => instruction(BPF.JNE, 4, 0, skip, major));
  if (minor !== undefined) tests.push((skip) => instruction(BPF.JNE, 5, 0, skip, minor));
  const allow = [instruction(BPF.MOV_IMM, 0, 0, 0, 1), instruction(BPF.EXIT, 0, 0, 0, 0)];
  const length = tests.length + allow.length;
  return [...tests.map((test, index) => test(length - index - 1)), ...allow];
}

function instruction(code: number, target: number, source: number, offset: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((source << 4) | target, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}
