import { chownSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mount } from '../../model/src/index.js';
import { KernelHost } from './kernel-host.js';
import { describeTar, fingerprint, gnuTar, gnuUntar, listTar, makeEverything } from './tar-files.js';

let host: KernelHost;
let everything: string;
beforeAll(async () => {
  host = await KernelHost.open();
  everything = host.writeDirectory('everything');
  makeEverything(everything);
});
afterAll(() => host.close());

const asArchived = { noOverwriteDirNonDir: false, copyUidGid: false };

async function bytesOf(tar: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of tar) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* streamOf(archive: Buffer, pieceBytes = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += pieceBytes) yield archive.subarray(at, at + pieceBytes);
}

const read = async (id: string, path: string) => bytesOf((await host.runtime.readArchive(id, path, host.signal)).tar);
const write = (id: string, path: string, archive: Buffer, options = asArchived) => host.runtime.writeArchive(id, path, streamOf(archive), options, host.signal);

async function running(script = '', spec = {}): Promise<string> {
  const id = await host.start(`${script}\necho up; sleep 1000`, spec);
  await host.untilPrinted(id, 'up');
  return id;
}

async function kill(id: string): Promise<void> {
  await host.runtime.signal(id, 'KILL');
  await host.runtime.wait(id, host.signal);
}

function ownersIn(archive: Buffer): string[] {
  return describeTar(archive).map((line) => line.split(/\s+/)).map((fields) => `${fields[1]} ${fields[5]}`);
}

const volume: Mount = { type: 'volume', source: 'data', target: '/data' };

describe('a round trip leaves nothing out, as GNU tar sees it', () => {
  test.each([
    ['the root of a running container', '/tmp', false],
    ['the root of one that has ended', '/tmp', true],
    ['a volume of a running container', '/data', false],
    ['a volume of one that has ended', '/data', true],
  ])('%s', async (_name, directory, isEnded) => {
    const id = await running('', { mounts: [volume] });
    if (isEnded) await kill(id);
    await write(id, directory, gnuTar(everything, '.'));
    const back = host.writeDirectory(`back-${id}`);
    gnuUntar(await read(id, `${directory}/.`), back);
    // The directory itself is not replaced, so it keeps its own owner, mode and time.
    gnuUntar(gnuTar(everything, '--no-recursion', '.'), back);
    expect(fingerprint(back)).toBe(fingerprint(everything));
    await host.runtime.remove(id);
  });

  test('of a container that was created only', async () => {
    const request = host.request({ command: ['sleep', '1000'] });
    await host.runtime.create(request, host.signal);
    await write(request.id, '/home', gnuTar(everything, 'random', 'hard'));
    expect(listTar(await read(request.id, '/home'))).toEqual(['home/', expect.stringMatching(/^home\/(random|hard)$/), expect.stringMatching(/^home\/(random|hard)$/)]);
    await host.runtime.remove(request.id);
  });

  test('half a gigabyte of holes passes through little memory', async () => {
    const id = await running('truncate -s 512M /tmp/big');
    let bytes = 0;
    let pieces = 0;
    let mostBytes = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const piece of (await host.runtime.readArchive(id, '/tmp/big', host.signal)).tar) {
      bytes += piece.length;
      if (++pieces % 100 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - before);
    }
    expect(bytes).toBeGreaterThan(1 << 29);
    expect(mostBytes).toBeLessThan(100 << 20);
    await host.runtime.remove(id);
  });

  test('memory files and what is mounted inside are seen while it runs', async () => {
    const id = await host.start('sleep 1000', {}, { files: [{ target: '/run/secrets/s', data: Buffer.from('sealed'), uid: 0, gid: 0, mode: 0o400 }] });
    const directory = host.writeDirectory('secret');
    gnuUntar(await read(id, '/run/secrets/s'), directory);
    expect(readFileSync(join(directory, 's'), 'utf8')).toBe('sealed');
    await host.runtime.remove(id);
  });
});

describe('names in the archive, and what stands at a path', () => {
  test('as docker cp expects them', async () => {
    const id = await running('mkdir -p /tmp/a/b; echo hello >/tmp/a/b/c; ln -s a/b /tmp/link; ln -s /nowhere/x /tmp/dangling; ln -s ../../../../../tmp/link /tmp/up');
    expect(listTar(await read(id, '/tmp/a'))).toEqual(['a/', 'a/b/', 'a/b/c']);
    expect(listTar(await read(id, '/tmp/a/'))).toEqual(['a/', 'a/b/', 'a/b/c']);
    expect(listTar(await read(id, 'tmp/a/.'))).toEqual(['./', './b/', './b/c']);
    expect(listTar(await read(id, '/tmp/link'))).toEqual(['link']);
    expect(listTar(await read(id, '/tmp/link/'))).toEqual(['link/', 'link/c']);
    expect(listTar(await read(id, '/tmp/link/c'))).toEqual(['c']);
    const stat = (path: string) => host.runtime.statPath(id, path, host.signal);
    expect(await stat('/tmp/a/b/c')).toMatchObject({ name: 'c', size: 6, mode: 0o100644, linkTarget: '', mtime: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:]+\.\d{9}Z$/) });
    expect(await stat('/tmp/link')).toMatchObject({ name: 'link', mode: 0o120777, linkTarget: '/tmp/a/b' });
    expect(await stat('/tmp/up')).toMatchObject({ linkTarget: '/tmp/a/b' });
    expect(await stat('/tmp/dangling')).toMatchObject({ linkTarget: '/nowhere/x' });
    expect(await stat('/')).toMatchObject({ name: '/', mode: 0o040755 });
    expect(await stat('/tmp/../etc/./passwd')).toMatchObject({ name: 'passwd' });
    for (const path of ['/nothing', '/etc/passwd/x', '/tmp/dangling/']) await expect(stat(path)).rejects.toMatchObject({ name: 'Refused', code: 'not-found', message: `Could not find the file ${path} in container ${id}` });
    await host.runtime.remove(id);
    await expect(stat('/')).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('writing', () => {
  test('through a symbolic link to a directory, over files, into new parents', async () => {
    const id = await running('mkdir /tmp/real; ln -s /tmp/real /tmp/link; echo old >/tmp/real/f; ln -s /etc/passwd /tmp/real/evil');
    const source = host.writeDirectory('source');
    mkdirSync(join(source, 'new/er'), { recursive: true });
    for (const name of ['f', 'evil', 'new/er/g']) writeFileSync(join(source, name), name);
    await write(id, '/tmp/link', gnuTar(source, 'f', 'evil', 'new/er/g'));
    const back = host.writeDirectory('written');
    gnuUntar(await read(id, '/tmp/real'), back);
    expect(readdirSync(back, { recursive: true }).sort()).toEqual(['real', 'real/evil', 'real/f', 'real/new', 'real/new/er', 'real/new/er/g']);
    expect(readFileSync(join(back, 'real/evil'), 'utf8')).toBe('evil');
    expect((await host.runtime.exec(id, { argv: ['head', '-c', '5', '/etc/passwd'], timeoutMs: 10_000, maxOutputBytes: 100 }, host.signal)).output).toBe('root:');
    await host.runtime.remove(id);
  });

  test('what may not be', async () => {
    const id = await running('mkdir -p /tmp/dir/full; echo x >/tmp/dir/full/x; echo y >/tmp/file', { mounts: [{ ...volume, readOnly: true }] });
    const source = host.writeDirectory('refused');
    mkdirSync(join(source, 'file'), { recursive: true });
    writeFileSync(join(source, 'dir'), 'no directory');
    const keep = { ...asArchived, noOverwriteDirNonDir: true };
    await expect(write(id, '/tmp', gnuTar(source, 'dir'), keep)).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('cannot overwrite the directory with a non-directory, /tmp/dir') as string });
    await expect(write(id, '/tmp', gnuTar(source, 'file'), keep)).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('cannot overwrite the non-directory with a directory, /tmp/file') as string });
    await expect(write(id, '/tmp/file', gnuTar(source, 'dir'))).rejects.toMatchObject({ code: 'invalid', message: 'extraction point is not a directory' });
    await expect(write(id, '/tmp/nothing', gnuTar(source, 'dir'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(write(id, '/data', gnuTar(source, 'dir'))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(write(id, '/tmp', Buffer.alloc(2000, 'no tar'))).rejects.toMatchObject({ code: 'invalid' });
    await write(id, '/tmp', gnuTar(source, 'dir', 'file'));
    expect(listTar(await read(id, '/tmp')).sort()).toEqual(['tmp/', 'tmp/dir', 'tmp/file/']);
    await host.runtime.remove(id);
  });

  test.each([false, true])('a read-only root stays so, ended: %s', async (isEnded) => {
    const id = await running('', { readOnly: true, mounts: [volume] });
    if (isEnded) await kill(id);
    await expect(write(id, '/tmp', gnuTar(everything, 'random'))).rejects.toMatchObject({ code: 'forbidden' });
    await write(id, '/data', gnuTar(everything, 'random'));
    await host.runtime.remove(id);
  });

  test('for the user of the container, when asked', async () => {
    const id = await running('', { user: 'app' });
    await write(id, '/tmp', gnuTar(everything, 'random', 'suid'), { ...asArchived, copyUidGid: true });
    const { output } = await host.runtime.exec(id, { argv: ['stat', '-c', '%u:%g %a', '/tmp/random', '/tmp/suid'], timeoutMs: 10_000, maxOutputBytes: 100 }, host.signal);
    expect(output).toBe('1000:1000 644\n1000:1000 4711\n');
    await host.runtime.remove(id);
  });

  test('owners are the container\'s, whatever its user namespace makes of them', async () => {
    const id = await running('echo mine >/tmp/mine; echo app >/tmp/app; chown 1000:10 /tmp/app', { usernsMode: 'private', mounts: [volume] });
    const source = host.writeDirectory('owned');
    writeFileSync(join(source, 'f'), 'x');
    chownSync(join(source, 'f'), 1000, 10);
    for (const directory of ['/tmp', '/data']) await write(id, directory, gnuTar(source, 'f'));
    const stat = await host.runtime.exec(id, { argv: ['stat', '-c', '%u:%g', '/tmp/f', '/data/f'], timeoutMs: 10_000, maxOutputBytes: 100 }, host.signal);
    expect(stat.output).toBe('1000:10\n1000:10\n');
    const owners = async () => [...ownersIn(await read(id, '/tmp')), ...ownersIn(await read(id, '/etc/passwd')), ...ownersIn(await read(id, '/data/f')), ...ownersIn(await bytesOf(await host.runtime.writableLayer(id, host.signal)))].sort();
    const expected = ['0/0 passwd', '0/0 tmp/', '0/0 tmp/', '0/0 tmp/mine', '0/0 tmp/mine', '1000/10 f', '1000/10 tmp/app', '1000/10 tmp/app', '1000/10 tmp/f', '1000/10 tmp/f'];
    expect((await owners()).filter((line) => !/ data\/$/.test(line))).toEqual(expected);
    await kill(id);
    expect((await owners()).filter((line) => !/ data\/$/.test(line))).toEqual(expected);
    await host.runtime.remove(id);
  });

  test('a reader or writer that leaves takes its process along', async () => {
    const id = await running('truncate -s 1G /tmp/big');
    const other = await running();
    const leave = new AbortController();
    const { tar } = await host.runtime.readArchive(id, '/tmp/big', leave.signal);
    for await (const piece of tar) if (piece.length > 0) break;
    const second = await host.runtime.readArchive(id, '/tmp/big', leave.signal);
    const endless = async function* () { for (;;) yield gnuTar(everything, 'random').subarray(0, -1024); };
    const writing = host.runtime.writeArchive(id, '/tmp', endless(), asArchived, leave.signal);
    const silent = (async function* () { await new Promise(() => undefined); yield Buffer.alloc(0); })();
    const stalled = host.runtime.writeArchive(other, '/tmp', silent, asArchived, leave.signal);
    leave.abort(new Error('left'));
    await expect(writing).rejects.toThrow('left');
    await expect(stalled).rejects.toThrow('left');
    await host.runtime.remove(other);
    await expect(bytesOf(second.tar)).rejects.toThrow('left');
    const third = await host.runtime.readArchive(id, '/tmp/big', host.signal);
    await host.runtime.remove(id);
    await expect(bytesOf(third.tar)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('diff, export and the layer of a commit', () => {
  const edits = `mkdir -p /srv/new/er; echo a >/srv/new/er/f; rm /etc/group; echo more >>/etc/passwd; rm -rf /var; mkdir /var; touch /var/fresh
    ln -s /x /tmp/l; mkfifo /tmp/p; mv /home /house; chmod 700 /root; touch /tmp/gone; rm /tmp/gone; ln /etc/passwd /etc/passwd2;`;

  test.each([false, true])('of a list of edits, ended: %s', async (isEnded) => {
    const id = await running(edits);
    if (isEnded) await kill(id);
    const changes = (await host.runtime.changes(id, host.signal)).map(({ kind, path }) => `${{ modified: 'C', added: 'A', deleted: 'D' }[kind]} ${path}`);
    // What docker 20.10 (overlay2) says of the same edits, as of the names in the layer below.
    expect(changes).toEqual([
      'C /etc', 'D /etc/group', 'C /etc/passwd', 'A /etc/passwd2', 'D /home', 'A /house', 'C /root', 'A /srv', 'A /srv/new', 'A /srv/new/er', 'A /srv/new/er/f', 'C /tmp', 'A /tmp/l', 'A /tmp/p', 'C /var', 'A /var/fresh',
    ]);
    const layer = await bytesOf(await host.runtime.writableLayer(id, host.signal));
    expect(listTar(layer).sort()).toEqual([
      '.wh.home', 'etc/', 'etc/.wh.group', 'etc/passwd', 'etc/passwd2', 'house/', 'root/', 'srv/', 'srv/new/', 'srv/new/er/', 'srv/new/er/f', 'tmp/', 'tmp/l', 'tmp/p', 'var/', 'var/.wh..wh..opq', 'var/fresh',
    ]);
    const exported = listTar(await bytesOf(await host.runtime.exportRoot(id, host.signal)));
    expect(exported).toEqual(expect.arrayContaining(['bin/busybox', 'house/', 'var/fresh', 'srv/new/er/f', 'proc/', 'dev/']));
    for (const hidden of ['etc/group', 'home/', 'proc/1/', 'dev/null', 'dev/pts/']) expect(exported).not.toContain(hidden);
    await host.runtime.remove(id);
  });

  test('an export leaves out what is mounted, and keeps what is under it', async () => {
    const image = host.writeDirectory('with-data/data');
    writeFileSync(join(image, 'below'), 'image');
    symlinkSync('data', join(image, '../link'));
    const id = await host.start('echo v >/data/above; echo up; sleep 1000', { mounts: [{ ...volume, source: 'other', noCopy: true }] }, { image: { layerDirs: [join(image, '..'), host.layer], entrypoint: [], cmd: [], env: [], workingDir: '', user: '', volumes: [] } });
    await host.untilPrinted(id, 'up');
    const names = listTar(await bytesOf(await host.runtime.exportRoot(id, host.signal)));
    expect(names.filter((name) => name.startsWith('data'))).toEqual(['data/', 'data/below']);
    expect(listTar(await read(id, '/data'))).toEqual(['data/', 'data/above']);
    await host.runtime.remove(id);
  });
});
