import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeProgram, operationKinds, protocolVersion, replyKinds, targetRules } from '../src/operations.js';

const header = readFileSync(join(import.meta.dirname, '../shim/protocol.h'), 'utf8');

function constants(prefix: string): Record<string, number> {
  const found = header.matchAll(new RegExp(`\\b${prefix}([A-Z_]+) = (\\d+)`, 'g'));
  return Object.fromEntries([...found].map(([, name, number]) => [camelCase(name!), Number(number)]));
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

test('the words are those of protocol.h', () => {
  expect(operationKinds()).toEqual({ ...constants('OP_'), ...constants('COMMAND_') });
  expect(replyKinds).toEqual(constants('REPLY_'));
  expect(targetRules).toEqual(constants('TARGET_'));
  expect(header).toContain(`#define PROTOCOL_VERSION ${protocolVersion}\n`);
});

test('records are kind, length, payload', () => {
  expect(encodeProgram([['hostname', 'ab'], ['user', 1, 2, [3]], ['rlimit', 7, 1n, 2n]]).toString('hex')).toBe(
    '2800000003000000616200' + '300000000c000000010000000200000003000000' + '2a0000001400000007000000' + '0100000000000000' + '0200000000000000',
  );
});

test('what the shim would misread never leaves', () => {
  expect(() => encodeProgram([['hostname', 'a\0b']])).toThrow('holds a NUL');
  expect(() => encodeProgram([['umask', -1]])).toThrow('no unsigned 32-bit number');
  expect(() => encodeProgram([['file', 0, 0, 0, '/x', Buffer.alloc(5 << 20)]])).toThrow('more than the shim takes');
});
