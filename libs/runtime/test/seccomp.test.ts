import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerOf, BPF, compileProfile, type Instruction } from '../src/seccomp/compile.js';
import { seccompFilter, syscallTables } from '../src/seccomp/filter.js';
import dockerDefault from '../src/seccomp/docker-default.json' with { type: 'json' };
import { expandProfile, type Action, type Condition, type ConditionOperator, type ExpandedProfile, type SeccompProfile } from '../src/seccomp/profile.js';

interface Call {
  architecture: number;
  number: number;
  arguments: bigint[];
}

/** The kernel's interpreter, as far as our programs go. */
function run(program: readonly Instruction[], call: Call): number {
  let accumulator = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, value, jumpTrue, jumpFalse } = program[at]!;
    const branch = (taken: boolean) => (at += taken ? jumpTrue : jumpFalse);
    if (code === BPF.LD_ABS) accumulator = load(call, value);
    else if (code === BPF.AND) accumulator = (accumulator & value) >>> 0;
    else if (code === BPF.JA) at += value;
    else if (code === BPF.JEQ) branch(accumulator === value >>> 0);
    else if (code === BPF.JGT) branch(accumulator > value >>> 0);
    else if (code === BPF.JGE) branch(accumulator >= value >>> 0);
    else return value;
  }
  throw new Error('the program has no end');
}

function load({ architecture, number, arguments: values }: Call, offset: number): number {
  if (offset === 0) return number;
  if (offset === 4) return architecture;
  const value = values[(offset - 16) >> 3]!;
  return Number((offset & 4 ? value >> 32n : value) & 0xffffffffn);
}

/** What the profile means, said directly. */
function meaning(profile: ExpandedProfile, numbers: Readonly<Record<string, number>>, call: Call): Action {
  const highest = Math.max(...profile.knownNames.map((name) => numbers[name] ?? 0));
  if (call.number > highest) return { kind: 'errno', errno: 38 };
  const rules = profile.rules.filter(({ name }) => numbers[name] === call.number);
  const settled = rules.find(({ conditions }) => conditions.length === 0) ?? rules.find(({ conditions }) => conditions.every((condition) => holds(condition, call)));
  return settled?.action ?? profile.defaultAction;
}

function holds({ index, operator, value, valueTwo }: Condition, call: Call): boolean {
  const argument = call.arguments[index]!;
  const tests: Record<ConditionOperator, boolean> = {
    NE: argument !== value, LT: argument < value, LE: argument <= value, EQ: argument === value,
    GE: argument >= value, GT: argument > value, MASKED_EQ: (argument & value) === valueTwo,
  };
  return tests[operator];
}

const host = { architecture: 'x64', kernel: { major: 6, minor: 18 } } as const;
const defaultCapabilities = 0xa80425fbn;
const x64 = syscallTables('x64')[0]!;
const callTo = (name: string, ...values: bigint[]): Call => ({ architecture: x64.auditArchitecture, number: x64.numbers[name]!, arguments: [...values, 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6) });

describe("Docker's profile", () => {
  const expanded = expandProfile(dockerDefault as SeccompProfile, defaultCapabilities, host);
  const program = compileProfile(expanded, syscallTables('x64'));
  const allow = answerOf({ kind: 'allow' });
  const refuse = (errno: number) => answerOf({ kind: 'errno', errno });

  test.each([
    ['read', [], allow], ['getppid', [], allow], ['execve', [], allow], ['ptrace', [], allow], ['chroot', [], allow],
    ['mount', [], refuse(1)], ['unshare', [], refuse(1)], ['bpf', [], refuse(1)], ['keyctl', [], refuse(1)], ['io_uring_setup', [], refuse(1)],
    ['clone', [0x11n], allow], ['clone', [0x10000000n], refuse(1)], ['clone3', [], refuse(38)],
    ['socket', [2n], allow], ['socket', [38n], refuse(1)], ['socket', [39n], allow], ['socket', [40n], refuse(1)], ['socket', [41n], allow],
    ['personality', [0n], allow], ['personality', [0xffffffffn], allow], ['personality', [1n], refuse(1)], ['personality', [0x100000000n], refuse(1)],
  ] as const)('%s(%s)', (name, values, expected) => expect(run(program, callTo(name, ...values)) >>> 0).toBe(expected));

  test('newer calls and x32 are ENOSYS, foreign architectures end the process', () => {
    expect(run(program, { ...callTo('read'), number: 1000 })).toBe(refuse(38));
    expect(run(program, { ...callTo('read'), number: 0x40000000 })).toBe(refuse(38));
    expect(run(program, { ...callTo('read'), architecture: 0x1234 }) >>> 0).toBe(0x80000000);
  });

  test('capabilities open their calls', () => {
    const withAdmin = compileProfile(expandProfile(dockerDefault as SeccompProfile, defaultCapabilities | (1n << 21n), host), syscallTables('x64'));
    for (const name of ['mount', 'unshare', 'clone3', 'setns']) expect(run(withAdmin, callTo(name)) >>> 0).toBe(allow);
    expect(run(withAdmin, callTo('reboot'))).toBe(refuse(1));
  });

  test('the program means what the profile says, for every call and any arguments', () => {
    const interesting = [0n, 1n, 8n, 38n, 39n, 40n, 0x20000n, 0x20008n, 0x7e020000n, 0xffffffffn, 0x100000000n, 0xffffffffffffffffn];
    const argument = fc.oneof(fc.constantFrom(...interesting), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
    for (const { auditArchitecture, numbers } of syscallTables('x64')) {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 480 }), fc.array(argument, { minLength: 6, maxLength: 6 }), (number, values) => {
          const call = { architecture: auditArchitecture, number, arguments: values };
          expect(run(program, call) >>> 0).toBe(answerOf(meaning(expanded, numbers, call)) >>> 0);
        }),
        { numRuns: 2000 },
      );
    }
  });

  test('is small, and made once', () => {
    expect(program.length).toBeLessThan(600);
    expect(seccompFilter(defaultCapabilities, host)).toBe(seccompFilter(defaultCapabilities, host));
    expect(seccompFilter(defaultCapabilities, { ...host, architecture: 's390x' })).toBeUndefined();
  });
});

test('every operator compares all 64 bits', () => {
  const value = fc.oneof(fc.constantFrom(0n, 1n, 0xffffffffn, 0x100000000n, 0x1ffffffffn), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
  const operator = fc.constantFrom<ConditionOperator>('NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ');
  const condition = fc.record({ index: fc.integer({ min: 0, max: 5 }), operator, value, valueTwo: value });
  fc.assert(
    fc.property(fc.array(fc.array(condition, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }), fc.array(value, { minLength: 6, maxLength: 6 }), (alternatives, values) => {
      const profile: ExpandedProfile = {
        defaultAction: { kind: 'errno', errno: 1 },
        rules: alternatives.map((conditions, index) => ({ name: 'read', action: { kind: 'errno', errno: index + 2 }, conditions })),
        knownNames: ['read', 'write'],
      };
      const call = { architecture: x64.auditArchitecture, number: 0, arguments: values };
      expect(run(compileProfile(profile, [x64]), call)).toBe(answerOf(meaning(profile, x64.numbers, call)));
    }),
  );
});
