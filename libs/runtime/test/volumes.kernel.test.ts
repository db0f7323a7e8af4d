import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Mount } from '../../model/src/index.js';
import { isMounted } from '../src/volumes/volume-mount.js';
import { KernelHost } from './kernel-host.js';

/** Volumes of the driver `local` with its options, sub-paths, what is in use, and tmpfs options, on this kernel. */

let host: KernelHost;

beforeAll(async () => {
  host = await KernelHost.open();
  mkdirSync(join(host.layer, 'content/below'), { recursive: true });
}, 120_000);
afterAll(() => host.close());

const volume = (source: string, more: object = {}): Mount => ({ type: 'volume', source, target: '/data', ...more });
const withOptions = (source: string, options: Record<string, string>): Mount => volume(source, { driver: { options } });
const find = (name: string) => host.runtime.volumes.list().find((one) => one.name === name);
const dataOf = (name: string) => find(name)!.mountPoint;

test('a volume on a tmpfs is one for all who use it, and gone with the last of them', async () => {
  const mounts = [withOptions('shared', { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1000,mode=700' })];
  const first = await host.start('echo hello > /data/f; echo written; sleep 1000', { mounts });
  await host.untilPrinted(first, 'written');
  const { output } = await host.run('cat /data/f; stat -c "%u %a" /data; df -k /data | tail -1', { mounts: [volume('shared')] });
  expect(output).toMatch(/^hello\n1000 700\ntmpfs +1024 /);
  expect(isMounted(dataOf('shared'))).toBe(true);
  await expect(host.runtime.volumes.remove('shared')).rejects.toThrow(`remove shared: volume is in use - [${first}]`);
  await host.runtime.remove(first);
  expect(isMounted(dataOf('shared'))).toBe(false);
  expect(readdirSync(dataOf('shared'))).toEqual([]);
  await host.runtime.volumes.remove('shared');
  expect(find('shared')).toBeUndefined();
});

test('a volume that is a bind shows the folder, gets what the image has there, and takes nothing along when it is removed', async () => {
  const folder = host.writeDirectory('bound');
  const mounts = [{ ...withOptions('bound', { type: 'none', o: 'bind', device: folder }), target: '/content' } as Mount];
  const { output } = await host.run('ls /content; echo x > /content/from-inside', { mounts });
  expect(output).toContain('below');
  expect(readFileSync(join(folder, 'from-inside'), 'utf8')).toBe('x\n');
  await host.runtime.volumes.remove('bound');
  expect(existsSync(join(folder, 'from-inside'))).toBe(true);
});

test('what cannot be mounted is refused in the words of mount, and leaves no volume', async () => {
  const create = (mount: Mount) => host.runtime.create(host.request({ mounts: [mount] }), host.signal);
  await expect(create(withOptions('broken', { type: 'none', o: 'bind', device: '/no/such/folder' }))).rejects.toThrow(/^volume broken cannot be mounted \(type none, device \/no\/such\/folder\): .*does not exist/);
  await expect(create(withOptions('broken', { device: 'x', odd: '1' }))).rejects.toThrow('volume broken: the driver local has no option "odd": it has type, o, device');
  await expect(create(withOptions('broken', { type: 'tmpfs' }))).rejects.toThrow('volume broken: missing device in volume options');
  await expect(create(volume('broken', { driver: { name: 'rexray', options: {} } }))).rejects.toThrow('there is no volume driver "rexray" on the nodes, only local');
  expect(find('broken')).toBeUndefined();
});

test('labels stay, and other options for a volume that exists are refused', async () => {
  await host.run('true', { mounts: [volume('kept', { labels: { team: 'a' } })] });
  expect(find('kept')).toMatchObject({ labels: { team: 'a' }, options: {}, anonymous: false });
  const other = host.request({ mounts: [withOptions('kept', { type: 'tmpfs', device: 'tmpfs' })] });
  await expect(host.runtime.create(other, host.signal)).rejects.toThrow('volume kept exists on this node with other options (none, not type=tmpfs device=tmpfs): remove it, or use another name');
  await host.runtime.volumes.remove('kept');
});

test('a subpath is a folder or a file of the volume, and no way out of it', async () => {
  await host.run('mkdir -p /data/a/b; echo deep > /data/a/b/f', { mounts: [volume('tree')] });
  symlinkSync('/etc', join(dataOf('tree'), 'out'));
  const at = (subpath: string) => ({ mounts: [volume('tree', { subpath })] });
  expect((await host.run('cat /data/f', at('a/b'))).output).toBe('deep\n');
  expect((await host.run('cat /data', at('a/b/f'))).output).toBe('deep\n');
  const refused = (subpath: string) => host.runtime.create(host.request(at(subpath)), host.signal);
  await expect(refused('out')).rejects.toThrow('volume tree: the subpath "out" goes over a symbolic link');
  await expect(refused('out/passwd')).rejects.toThrow('goes over a symbolic link');
  await expect(refused('../..')).rejects.toThrow('must stay inside the volume');
  await expect(refused('none')).rejects.toThrow('volume tree: the subpath "none" does not exist');
  await host.runtime.volumes.remove('tree');
});

test('nocopy leaves a new volume empty', async () => {
  const { output } = await host.run('ls /content | wc -l', { mounts: [{ type: 'volume', source: 'bare', target: '/content', noCopy: true }] });
  expect(output).toBe('0\n');
  await host.runtime.volumes.remove('bare');
});

test('after the agent was restarted volumes are in use as before', async () => {
  const mounts = [withOptions('later', { type: 'tmpfs', device: 'tmpfs' })];
  const id = await host.start('echo kept > /data/f; echo written; sleep 1000', { mounts });
  await host.untilPrinted(id, 'written');
  await host.runtime.close();
  await host.openRuntime();
  await expect(host.runtime.volumes.remove('later')).rejects.toThrow('volume is in use');
  expect((await host.run('cat /data/f', { mounts })).output).toBe('kept\n');
  await host.runtime.remove(id);
  await host.runtime.volumes.remove('later');
});

test('tmpfs takes the options of mount, later words before earlier ones', async () => {
  const mounts: Mount[] = [{ type: 'tmpfs', target: '/scratch', mode: 0o700, options: ['size=64k', 'uid=1000', 'gid=5', 'mode=750', 'exec'] }];
  const { output } = await host.run('stat -c "%a %u %g" /scratch; cp /bin/busybox /scratch/true 2>/dev/null; grep " /scratch " /proc/self/mountinfo', { mounts });
  expect(output).toMatch(/^750 1000 5\n/);
  expect(output).toMatch(/ \/scratch rw,nosuid,nodev,relatime .*size=64k/);
  const odd = host.request({ mounts: [{ type: 'tmpfs', target: '/t', options: ['colour=red'] }] });
  await expect(host.runtime.create(odd, host.signal)).rejects.toThrow('invalid tmpfs option "colour=red" for /t');
});

test('a read-only bind is so for all below it, unless it is asked not to be', async () => {
  const source = host.writeDirectory('readonly');
  mkdirSync(join(source, 'below'));
  execFileSync('mount', ['-t', 'tmpfs', 'below', join(source, 'below')]);
  try {
    const bind = (more: object = {}): Mount => ({ type: 'bind', source, target: '/x', readOnly: true, ...more });
    const script = 'echo a > /x/f && echo top; echo b > /x/below/f && echo below';
    expect((await host.run(script, { mounts: [bind()] })).output).not.toMatch(/^(top|below)$/m);
    expect((await host.run(script, { mounts: [bind({ readOnlyForceRecursive: true })] })).output).not.toMatch(/^(top|below)$/m);
    expect((await host.run(script, { mounts: [bind({ readOnlyNonRecursive: true })] })).output.match(/^(top|below)$/gm)).toEqual(['below']);
  } finally {
    execFileSync('umount', [join(source, 'below')]);
  }
  writeFileSync(join(source, 'f'), '');
});
