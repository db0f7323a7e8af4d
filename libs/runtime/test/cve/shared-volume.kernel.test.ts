import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KernelHost } from '../kernel-host.js';
import { Canary, tryRun, whileSwapping } from './attack.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

/** A volume in which `target` is a folder one moment and a symbolic link to `evil` the next. */
function racingVolume(name: string, evil: string): { source: string; paths: [string, string] } {
  const source = host.writeDirectory(name);
  mkdirSync(join(source, 'target/deep'), { recursive: true });
  symlinkSync(evil, join(source, 'link'));
  return { source, paths: [join(source, 'target'), join(source, 'link')] };
}

test('CVE-2021-30465: a mount point that turns into a symlink never leads out of the root', async () => {
  const canary = new Canary(host, 'canary-mount');
  const other = host.writeDirectory('mounted');
  const { source, paths } = racingVolume('race-mount', `../../../../../../..${canary.directory}`);
  await whileSwapping(host, paths, async () => {
    await tryRun(host, 'true', { mounts: [{ type: 'bind', source, target: '/shared' }, { type: 'bind', source: other, target: '/shared/target/deep' }] });
  });
  expect(canary.isUntouched()).toBe(true);
});

test('CVE-2024-45310: folders that are missing are made inside, whoever swaps their parents', async () => {
  const canary = new Canary(host, 'canary-mkdir');
  const { source, paths } = racingVolume('race-mkdir', `../../../../../../..${canary.directory}`);
  let round = 0;
  await whileSwapping(host, paths, async () => {
    round++;
    await tryRun(host, 'true', { dir: `/shared/target/work-${round}`, mounts: [{ type: 'bind', source, target: '/shared' }, { type: 'tmpfs', target: `/shared/target/new-${round}` }] });
  });
  expect(canary.isUntouched()).toBe(true);
});

test('CVE-2025-52881: no mount lands on /proc by way of a shared volume, and its settings are the real ones', async () => {
  const { source, paths } = racingVolume('race-proc', '/proc/sys/net/ipv4');
  const seen = new Set<string>();
  await whileSwapping(host, paths, async () => {
    const script = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; grep -c "/proc/sys/net" /proc/self/mountinfo';
    seen.add(await tryRun(host, script, { mounts: [{ type: 'bind', source, target: '/shared' }, { type: 'tmpfs', target: '/shared/target' }], sysctls: { 'net.ipv4.ip_unprivileged_port_start': '7' } }));
  });
  seen.delete('');
  expect([...seen]).toEqual(['7\n0\n']);
});

test('CVE-2018-15664 and its kin: a sub-path of the volume that turns into a symlink shows nothing of the host', async () => {
  const { source, paths } = racingVolume('race-read', '/etc');
  const seen = new Set<string>();
  await whileSwapping(host, paths, async () => {
    seen.add(await tryRun(host, 'ls /shared/target/shadow /data/shadow 2>/dev/null; echo looked', { mounts: [{ type: 'bind', source, target: '/shared' }, { type: 'tmpfs', target: '/data' }] }));
  });
  expect([...seen].filter((text) => text.includes('shadow'))).toEqual([]);
});
