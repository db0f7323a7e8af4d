import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter, parseLogLine } from '../src/log-line.js';
import { compileDeviceFilter } from '../src/cgroup/device-filter.js';
import { deviceRules } from '../src/cgroup/device-rules.js';

describe('json-file records', () => {
  test('whole lines and pieces', () => {
    expect(parseLogLine('{"log":"a\\u003cb\\n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}')).toEqual({ stream: 'stderr', timestamp: '2026-01-02T03:04:05.6Z', text: 'a<b', complete: true });
    expect(parseLogLine('{"log":"half","stream":"stdout","time":"t"}')).toMatchObject({ text: 'half', complete: false });
    expect(parseLogLine('{"log":"cut by a fu')).toBeUndefined();
  });

  test('lines are the same however the bytes arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))), fc.integer({ min: 1, max: 9 }), (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter();
        const found: string[] = [];
        for (let at = 0; at < bytes.length; at += size) found.push(...splitter.push(bytes.subarray(at, at + size)));
        expect(found).toEqual(lines);
      }),
    );
  });
});

test('the device filter allows what the rules say', () => {
  const program = compileDeviceFilter(deviceRules);
  const allows = (type: number, access: number, major: number, minor: number) => {
    const registers = new Array<number>(11).fill(0);
    const context = [(access << 16) | type, major, minor];
    for (let at = 0; at < program.length / 8; at++) {
      const code = program.readUInt8(at * 8);
      const to = program.readUInt8(at * 8 + 1) & 15;
      const from = program.readUInt8(at * 8 + 1) >> 4;
      const offset = program.readInt16LE(at * 8 + 2);
      const value = program.readInt32LE(at * 8 + 4);
      if (code === 0x61) registers[to] = context[offset / 4]!;
      else if (code === 0xbc) registers[to] = registers[from]!;
      else if (code === 0x54) registers[to]! &= value;
      else if (code === 0x74) registers[to]! >>>= value;
      else if (code === 0xb7) registers[to] = value;
      else if (code === 0x55) at += registers[to] !== value ? offset : 0;
      else if (code === 0x5d) at += registers[to] !== registers[from] ? offset : 0;
      else return registers[0] === 1;
    }
    throw new Error('the program has no end');
  };
  const [block, char, mknod, read, write] = [1, 2, 1, 2, 4];
  expect(allows(char, read | write, 1, 3)).toBe(true);
  expect(allows(char, read, 136, 7)).toBe(true);
  expect(allows(block, mknod, 254, 0)).toBe(true);
  expect(allows(block, mknod | read, 254, 0)).toBe(false);
  expect(allows(block, read, 1, 3)).toBe(false);
  expect(allows(char, read, 1, 1)).toBe(false);
  expect(allows(char, write, 10, 229)).toBe(false);
});
