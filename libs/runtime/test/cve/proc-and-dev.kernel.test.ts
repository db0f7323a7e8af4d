import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KernelHost } from '../kernel-host.js';
import { Canary } from './attack.js';

let host: KernelHost;
let count = 0;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

/** An image whose topmost layer has `path` as a symbolic link to `text`. */
function imageWithLink(path: string, text: string) {
  const layer = host.writeDirectory(`layer-${++count}`);
  mkdirSync(join(layer, path, '..'), { recursive: true });
  symlinkSync(text, join(layer, path));
  return { image: { layerDirs: [layer, host.layer] } as never };
}

describe('CVE-2019-16884, CVE-2019-19921: what lies over /proc could tell us anything', () => {
  for (const target of ['/proc', '/proc/', '//proc', '/tmp/../proc', '/proc/self/attr', '/proc/sys/kernel']) {
    test(`a volume at ${target} is refused`, async () => {
      await expect(host.run('true', { mounts: [{ type: 'tmpfs', target }] })).rejects.toThrow('/proc');
      await expect(host.run('true', {}, { image: { volumes: [target] } as never })).rejects.toThrow('/proc');
    });
  }
});

describe('CVE-2023-27561, CVE-2023-28642, CVE-2026-41579: system folders that are symlinks in the image', () => {
  for (const path of ['proc', 'sys', 'dev']) {
    test(`/${path}`, async () => {
      const canary = new Canary(host, `canary-${path}`);
      await expect(host.run('true', {}, imageWithLink(path, `../../../../../..${canary.directory}`))).rejects.toThrow(/symbolic link|not a directory/i);
      await expect(host.run('true', {}, imageWithLink(path, '/tmp'))).rejects.toThrow(/symbolic link|not a directory/i);
      expect(canary.isUntouched()).toBe(true);
    });
  }

  test('/dev/shm, /dev/pts and /dev/console of the image mean nothing: our /dev covers them', async () => {
    const canary = new Canary(host, 'canary-pts');
    const { output } = await host.run('stat -c %F /dev/pts /dev/shm; tty', { tty: true }, imageWithLink('dev/pts', canary.directory));
    expect(output.split(/\r?\n/).slice(0, 3)).toEqual(['directory', 'directory', '/dev/pts/0']);
    expect(canary.isUntouched()).toBe(true);
  });
});

test('CVE-2023-25809: the cgroups cannot be written to', async () => {
  const { output } = await host.run('for d in /sys/fs/cgroup/*/; do mkdir $d/mine && echo made; done; echo 1 > /sys/fs/cgroup/memory/memory.limit_in_bytes', {});
  expect(output).not.toContain('made');
  expect(output).toMatch(/Read-only file system/);
});

describe("CVE-2025-31133: what masks a path is the kernel's null device and nothing else", () => {
  test('/dev/null of the image', async () => {
    const { output } = await host.run('echo "|/evil" > /proc/keys; cat /proc/sys/kernel/core_pattern', {}, imageWithLink('dev/null', '/proc/sys/kernel/core_pattern'));
    expect(output.trim()).toBe(readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim());
  });

  test('/dev/null of a folder that a user mounts over /dev', async () => {
    const source = host.writeDirectory('dev-of-user');
    symlinkSync('/proc/sys/kernel/core_pattern', join(source, 'null'));
    await expect(host.run('true', { mounts: [{ type: 'bind', source, target: '/dev' }] })).rejects.toThrow('/dev/null');
  });
});

test('CVE-2025-52565: the terminal is a pseudo terminal of the container, whatever the image has', async () => {
  const { output } = await host.run('stat -L -c %t /proc/self/fd/0 /proc/self/fd/1; ls -l /dev/console 2>/dev/null | cut -c1; echo $?', { tty: true }, imageWithLink('dev/console', '/proc/sys/kernel/core_pattern'));
  expect(output.trim().split(/\r?\n/).slice(0, 2)).toEqual(['88', '88']); // major 136
  expect(output).not.toMatch(/^l/m);
});

test("/dev/null of the host keeps its owner and mode, and an exec's, too", async () => {
  const before = statSync('/dev/null');
  const id = await host.start('exec sleep 1000', { user: 'app' });
  await host.runtime.exec(id, { argv: ['true'], user: '1000', timeoutMs: 20_000, maxOutputBytes: 100 }, host.signal);
  const inside = await host.runtime.exec(id, { argv: ['stat', '-c', '%u:%g:%a', '/dev/null'], timeoutMs: 20_000, maxOutputBytes: 100 }, host.signal);
  await host.runtime.remove(id);
  expect(inside.output).toBe('0:0:666\n');
  expect([statSync('/dev/null').uid, statSync('/dev/null').mode]).toEqual([before.uid, before.mode]);
});

test('CVE-2019-14271: nothing of the image is loaded or run by the shim, which is one static file', async () => {
  expect(execFileSync('readelf', ['-lW', host.shimPath], { encoding: 'utf8' })).not.toMatch(/INTERP|DYNAMIC/);
  const layer = host.writeDirectory('evil');
  cpSync(join(host.layer, 'bin/busybox'), join(layer, 'usr/bin/busybox'));
  for (const name of ['xz', 'unpigz', 'modprobe', 'runc']) symlinkSync('/bin/sh', join(layer, 'usr/bin', name));
  expect((await host.run('echo fine', {}, { image: { layerDirs: [layer, host.layer] } as never })).output).toBe('fine\n');
  expect(readdirSync(join(layer, 'usr/bin')).length).toBe(5);
});
