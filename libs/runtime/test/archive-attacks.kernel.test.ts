/** What a container, its image or an archive may try to reach the host with when files are copied (docs: facts of CVE rows). */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodeHeader, endOfArchive, padding, type WrittenHeader } from '../../base/src/tar/index.js';
import { KernelHost } from './kernel-host.js';
import { listTar } from './tar-files.js';

let host: KernelHost;
/** On the host, where no container has business. */
let treasure: string;
beforeAll(async () => {
  host = await KernelHost.open();
  execFileSync('gcc', ['-Os', '-static', '-o', join(host.layer, 'bin/swapper'), join(import.meta.dirname, 'swapper.c')]);
  treasure = host.writeDirectory('treasure');
});
afterAll(() => host.close());
beforeEach(() => writeFileSync(join(treasure, 'canary'), 'of the host'));

const asArchived = { noOverwriteDirNonDir: false, copyUidGid: false };
const plain: WrittenHeader = { name: '', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtimeNs: 0n, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: new Map() };

function archive(...entries: (Partial<WrittenHeader> & { content?: string })[]): Buffer {
  const blocks = entries.flatMap(({ content = '', ...header }) => [encodeHeader({ ...plain, ...header, size: content.length }), Buffer.from(content), padding(content.length)]);
  return Buffer.concat([...blocks, endOfArchive()]);
}

async function write(id: string, path: string, tar: Buffer): Promise<string> {
  const source = (async function* () { yield tar; })();
  return host.runtime.writeArchive(id, path, source, asArchived, host.signal).then(() => 'written', (error: Error) => `${error.name}: ${error.message}`);
}

async function read(id: string, path: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of (await host.runtime.readArchive(id, path, host.signal)).tar) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function running(script: string): Promise<string> {
  const id = await host.start(`${script}\necho up; exec sleep 1000`);
  await host.untilPrinted(id, 'up');
  return id;
}

function hostIsUntouched(): void {
  expect(readdirSync(treasure)).toEqual(['canary']);
  expect(readFileSync(join(treasure, 'canary'), 'utf8')).toBe('of the host');
}

test.each([false, true])('CVE-2018-15664: a directory swapped for a link to the host while files are copied both ways, ended before: %s', async (isEnded) => {
  const id = await host.start(`mkdir -p /tmp/a; echo inside >/tmp/a/canary; ln -s ${treasure} /tmp/b; exec swapper /tmp/a /tmp/b`);
  await host.untilPrinted(id, 'up');
  if (isEnded) {
    await host.runtime.signal(id, 'KILL');
    await host.runtime.wait(id, host.signal);
  }
  const outcomes = new Map<string, number>();
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let round = 0; round < 60; round++) {
    for (const path of ['/tmp/a/canary', '/tmp/a/', '/tmp/b/.', '/tmp/a']) {
      const found = await read(id, path).catch((error: Error & { code?: string }) => Buffer.from(error.code ?? error.message));
      expect(found.includes('of the host')).toBe(false);
      count(`read ${found.includes('inside') ? 'inside' : found.length < 100 ? found.toString() : 'nothing'}`);
    }
    for (const path of ['/tmp/a', '/tmp/b', '/tmp']) count(await write(id, path, archive({ name: 'a/planted', content: 'x' }, { name: 'planted', content: 'x' })).then((outcome) => outcome.slice(0, 10)));
  }
  hostIsUntouched();
  if (!isEnded) expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['read inside', 'read not-found', 'written']));
  await host.runtime.remove(id);
});

test('symbolic links lead around inside: absolute, upwards, in loops, through /proc', async () => {
  const id = await running(`mkdir -p /tmp/d; ln -s ${treasure}/canary /tmp/absolute; ln -s ../../../../../../../..${treasure} /tmp/upwards; ln -s loop /tmp/loop; ln -s / /tmp/root
    ln -s /proc/1/root /tmp/magic; ln -s /proc/self/root /tmp/own; ln -s /proc/self/fd /tmp/descriptors; ln -s /proc/1/cwd/.. /tmp/cwd`);
  for (const path of ['/tmp/absolute/', '/tmp/upwards/canary', '/tmp/loop/x', '/tmp/own/etc', '/tmp/descriptors/0', `/tmp/root${treasure}/canary`, `/tmp/magic${treasure}`, `/tmp/cwd${treasure}`, '/../../../..' + treasure]) {
    const outcome = await read(id, path).then((found) => `read ${listTar(found).join(' ')}`, (error: { code?: string }) => error.code);
    expect(['not-found', 'precondition']).toContain(outcome);
  }
  for (const path of ['/tmp/upwards', '/tmp/own', '/tmp/descriptors', '/tmp/magic/tmp', '/tmp/loop']) expect(await write(id, path, archive({ name: 'x' }))).toMatch(/^Refused/);
  hostIsUntouched();
  await host.runtime.remove(id);
});

test('an archive cannot leave where it is unpacked to by a name, and what its links lead to stays inside (CVE-2026-17106)', async () => {
  const id = await running('mkdir -p /tmp/to; cp /etc/passwd /tmp/passwd');
  const out = `../../../../../../../../..${treasure}`;
  for (const name of ['../x', 'a/../../x', `${out}/x`, '..']) expect(await write(id, '/tmp/to', archive({ name, content: 'x' }))).toContain('leads out of the directory');
  expect(await write(id, '/tmp/to', archive({ name: 'hard', type: 'hard-link', linkName: `${out}/canary` }))).toContain('leads out of the directory');
  expect(await write(id, '/tmp/to', archive({ name: 'hard', type: 'hard-link', linkName: `${treasure}/canary` }))).toMatch(/^Refused: cannot create the hard link/);
  // A link, then a name through it: it leads to a place of the container, if to any.
  expect(await write(id, '/tmp/to', archive({ name: 'link', type: 'symlink', linkName: treasure }, { name: 'link/planted', content: 'x' }))).toBe('written');
  expect(await write(id, '/tmp/to', archive({ name: 'up', type: 'symlink', linkName: out }, { name: 'up/planted2', content: 'x' }))).toBe('written');
  // A hard link to a symbolic link is a second symbolic link, and what replaces it does not follow it.
  expect(await write(id, '/tmp/to', archive({ name: 's', type: 'symlink', linkName: '/tmp/passwd' }, { name: 'h', type: 'hard-link', linkName: 's' }, { name: 'h', content: 'new' }))).toBe('written');
  const { output } = await host.runtime.exec(id, { argv: ['sh', '-c', `ls ${treasure}; head -c 4 /tmp/passwd; readlink /tmp/to/s; cat /tmp/to/h`], timeoutMs: 10_000, maxOutputBytes: 1000 }, host.signal);
  expect(output).toBe('planted\nplanted2\nroot/tmp/passwd\nnew');
  // An absolute name is one below the directory.
  expect(await write(id, '/tmp/to', archive({ name: `${treasure}/absolute`, content: 'x' }))).toBe('written');
  expect(await host.runtime.statPath(id, `/tmp/to${treasure}/absolute`, host.signal)).toMatchObject({ name: 'absolute' });
  hostIsUntouched();
  await host.runtime.remove(id);
});

test('kinds that change on the way: directory, link, file, and back', async () => {
  const id = await running('mkdir -p /tmp/to');
  const steps = archive(
    { name: 'x', type: 'directory', mode: 0o755 }, { name: 'x/in', content: '1' },
    { name: 'x', type: 'symlink', linkName: '/etc' }, { name: 'x', content: 'file' }, { name: 'x', type: 'fifo' },
    { name: 'x', type: 'directory', mode: 0o700 }, { name: 'x/in', content: '2' },
  );
  expect(await write(id, '/tmp/to', steps)).toBe('written');
  expect(listTar(await read(id, '/tmp/to'))).toEqual(['to/', 'to/x/', 'to/x/in']);
  await host.runtime.remove(id);
});

test('devices are copied as devices: nothing opens them', async () => {
  const id = await running('mknod /tmp/disk b 8 0; mknod /tmp/tape c 9 0; mkfifo /tmp/pipe');
  expect(listTar(await read(id, '/tmp')).sort()).toEqual(['tmp/', 'tmp/disk', 'tmp/pipe', 'tmp/tape']);
  for (const path of ['/tmp/disk', '/tmp/pipe']) expect((await read(id, path)).length).toBeLessThan(4096);
  await host.runtime.remove(id);
});

test('an archive whose headers are huge or lie is refused (CVE-2022-31030 and its kin)', async () => {
  const id = await running('true');
  const header = (size: number, flag: string) => {
    const block = encodeHeader({ ...plain, name: 'x', size });
    block.write(flag, 156, 'latin1');
    block.write('        ', 148, 'latin1');
    block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return block;
  };
  expect(await write(id, '/tmp', header(2 ** 30, 'x'))).toContain('an extended tar header has');
  expect(await write(id, '/tmp', header(2 ** 30, 'L'))).toContain('an extended tar header has');
  expect(await write(id, '/tmp', header(1000, '0'))).toMatch(/^Refused: .*the middle of/);
  expect(await write(id, '/tmp', Buffer.concat([header(0, '0').fill(0xff, 0, 100), endOfArchive()]))).toContain('checksum');
  expect(await write(id, '/tmp', archive({ name: 'a/'.repeat(3000) }))).toMatch(/^Refused/);
  expect(await write(id, '/tmp', archive({ name: 'n'.repeat(300) }))).toMatch(/^Refused/);
  expect(await write(id, '/tmp', archive({ name: 'nul', xattrs: new Map([['trusted.overlay.opaque', 'y'], ['user.overlay.redirect', '/etc'], ['security.selinux', 'x']]) }))).toBe('written');
  expect((await read(id, '/tmp/nul')).toString('latin1')).not.toContain('SCHILY');
  await host.runtime.remove(id);
});

test('CVE-2019-14271: programs and libraries of the image play no part', async () => {
  const evil = host.writeDirectory('evil');
  for (const path of ['bin', 'usr/bin', 'sbin', 'etc', 'lib/x86_64-linux-gnu']) mkdirSync(join(evil, path), { recursive: true });
  for (const path of ['bin/tar', 'usr/bin/tar', 'usr/bin/xz', 'usr/bin/unpigz', 'bin/gzip', 'lib/x86_64-linux-gnu/libnss_files.so.2', 'lib/libnss_files.so.2']) {
    writeFileSync(join(evil, path), `#!/bin/sh\necho caught >/caught-by-the-image\n`);
    chmodSync(join(evil, path), 0o755);
  }
  symlinkSync('/proc/self/exe', join(evil, 'etc/nsswitch.conf'));
  const request = host.request({ command: ['sleep', '1000'], user: 'app' }, { image: { layerDirs: [evil, host.layer], entrypoint: [], cmd: [], env: [], workingDir: '', user: '', volumes: [] } });
  await host.runtime.create(request, host.signal);
  await host.runtime.start(request.id);
  await read(request.id, '/etc');
  expect(await write(request.id, '/tmp', archive({ name: 'x' }))).toBe('written');
  await host.runtime.writeArchive(request.id, '/tmp', (async function* () { yield archive({ name: 'y' }); })(), { ...asArchived, copyUidGid: true }, host.signal);
  await expect(host.runtime.statPath(request.id, '/caught-by-the-image', host.signal)).rejects.toMatchObject({ code: 'not-found' });
  expect(existsSync('/caught-by-the-image')).toBe(false);
  await host.runtime.remove(request.id);
});
