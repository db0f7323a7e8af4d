import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHeader, endOfArchive, padding, StreamReader, tarEntries, type TarHeader, type WrittenHeader } from '../src/tar/index.js';

const plain: WrittenHeader = { name: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtimeNs: 0n, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: new Map() };

function archiveOf(headers: readonly WrittenHeader[]): Buffer {
  return Buffer.concat([...headers.flatMap((header) => [encodeHeader(header), Buffer.alloc(header.size, 'x'), padding(header.size)]), endOfArchive()]);
}

async function read(archive: Buffer): Promise<WrittenHeader[]> {
  const headers: WrittenHeader[] = [];
  for await (const { header } of tarEntries(new StreamReader((async function* () { yield archive; })()))) headers.push(written(header));
  return headers;
}

function written({ mtimeSeconds: _, ...rest }: TarHeader): WrittenHeader {
  return rest;
}

/** Byte strings without NUL: whatever the kernel takes as a name. */
const bytes = (minLength: number, maxLength: number) => fc.array(fc.integer({ min: 1, max: 255 }), { minLength, maxLength }).map((codes) => String.fromCharCode(...codes));
const names = bytes(1, 300).map((name) => name.replace(/\/+$/, '') || 'x'); // a slash at the end means a directory

test('what is written is read back, whatever the names, times, owners and attributes', async () => {
  const header = fc.record({
    name: names,
    linkName: bytes(1, 200),
    type: fc.constantFrom('file', 'symlink', 'hard-link', 'fifo', 'char-device', 'directory') as fc.Arbitrary<WrittenHeader['type']>,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    size: fc.integer({ min: 0, max: 2000 }),
    mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 2n * 10n ** 19n }),
    deviceMajor: fc.integer({ min: 0, max: 4095 }),
    deviceMinor: fc.integer({ min: 0, max: 1 << 20 }),
    xattrs: fc.uniqueArray(fc.tuple(fc.constantFrom('user.a', 'user.b', 'security.capability'), bytes(1, 40)), { selector: ([name]) => name }).map((pairs) => new Map(pairs)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(header, { maxLength: 4 }), async (headers) => {
      const sized = headers.map((each) => ({ ...each, size: each.type === 'file' ? each.size : 0 }));
      expect(await read(archiveOf(sized))).toEqual(sized);
    }),
    { numRuns: 200 },
  );
});

test('GNU tar reads the same', () => {
  const long = `${'d'.repeat(120)}/${'f'.repeat(200)}`;
  const archive = archiveOf([{ ...plain, name: long, size: 700, uid: 3_000_000, mtimeNs: 1_700_000_000_123_456_789n }, { ...plain, name: 'link', type: 'symlink', linkName: 'ä'.repeat(80) }]);
  const listed = execFileSync('tar', ['-tv', '--numeric-owner', '--full-time', '--utc', '--quoting-style=literal'], { input: archive, encoding: 'utf8' });
  expect(listed).toContain(`3000000/0`);
  expect(listed).toContain(`2023-11-14 22:13:20.123456789 ${long}`);
});
