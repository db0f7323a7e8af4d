import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../base/src/index.js';
import { treeOf, unifiedTree } from '../src/cgroup/layout.js';
import { deviceNumbers } from '../src/cgroup/from-limits.js';
import { probeCgroups } from '../src/host-facts.js';
import { machineMemoryBytes } from '../src/machine-counts.js';
import { KernelHost } from './kernel-host.js';

/** What containers may use, seen from inside and from the kernel's files. */

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

const mebibyte = 1 << 20;
const found = probeCgroups();

/** Listens from now on; the promise resolves with the first container that runs out of memory. */
function nextOom(): Promise<string> {
  return new Promise((resolve) => {
    const stop = host.runtime.onOom((id) => {
      stop();
      resolve(id);
    });
  });
}

describe('out of memory', () => {
  const limits = { memoryBytes: 30 * mebibyte, memorySwapBytes: 30 * mebibyte };
  const eat = 'dd if=/dev/zero of=/dev/null bs=60M count=1 2>/dev/null';

  test('a child that is killed is told at once; the container lives on, and its end is its own', async () => {
    const told = nextOom();
    const id = await host.start(`trap "exit 3" TERM; ${eat}; echo survived; while :; do sleep 0.05; done`, {}, { limits });
    expect(await told).toBe(id);
    await host.untilPrinted(id, 'survived');
    expect(await host.runtime.status(id)).toMatchObject({ state: 'running' });
    expect((await host.runtime.stats(id)).memory.oomKills).toBe(1);
    await host.runtime.signal(id, 'TERM');
    expect(await host.runtime.wait(id, host.signal)).toMatchObject({ code: 3, oomKilled: false });
    await host.runtime.remove(id);
  });

  test('the main process that is killed: told, and in its exit', async () => {
    const told = nextOom();
    const { exit } = await host.run('', { command: ['sh', '-c', `exec ${eat}`] }, { limits });
    expect(exit).toMatchObject({ code: 137, signal: 9, oomKilled: true });
    await told;
  });

  test('an init passes on that its child was killed', async () => {
    const { exit } = await host.run('', { command: ['sh', '-c', `exec ${eat}`], init: true }, { limits });
    expect(exit).toMatchObject({ code: 137, oomKilled: true });
  });

  test('a SIGKILL of ours is none of it, even after an earlier one', async () => {
    const told = nextOom();
    const id = await host.start(`${eat}; echo survived; sleep 1000`, {}, { limits });
    await told;
    await host.untilPrinted(id, 'survived');
    await host.runtime.signal(id, 'KILL');
    expect(await host.runtime.wait(id, host.signal)).toMatchObject({ code: 137, oomKilled: false });
    await host.runtime.remove(id);
  });

  test('what happens while no agent is there is told to the next one: once', async () => {
    const survivor = await host.start(`trap '${eat}; echo survived' USR1; echo ready; while :; do sleep 0.05; done`, {}, { limits });
    const victim = await host.start(`trap 'exec ${eat}' USR1; echo ready; while :; do sleep 0.05; done`, {}, { limits });
    for (const id of [survivor, victim]) await host.untilPrinted(id, 'ready');
    const pids = await Promise.all([survivor, victim].map(async (id) => (await host.runtime.status(id))!.pid));
    await host.runtime.close();
    for (const pid of pids) process.kill(pid, 'SIGUSR1');
    await expect.poll(() => readFileSync(join(host.stateDir, 'logs', survivor, 'json.log'), 'utf8'), { timeout: 30_000 }).toContain('survived');
    await expect.poll(() => existsSync(join(host.stateDir, 'containers', victim, 'exit.json')), { timeout: 30_000 }).toBe(true);
    const earlier = host.events.length;
    const ooms = (from: number) => host.events.slice(from).flatMap((event) => (event.event === 'container-oom' ? [event.id] : [])).sort();
    await host.openRuntime();
    await expect.poll(() => ooms(earlier), { timeout: 30_000 }).toEqual([survivor, victim].sort());
    expect(await host.runtime.wait(victim, host.signal)).toMatchObject({ code: 137, oomKilled: true });
    await host.runtime.remove(victim);
    const later = host.events.length;
    await host.runtime.close();
    await host.openRuntime();
    expect(await host.runtime.status(survivor)).toMatchObject({ state: 'running' });
    await host.runtime.remove(survivor);
    expect(ooms(later)).toEqual([]);
  });

  test('whoever adopts the container is told, too', async () => {
    const id = await host.start(`trap '${eat}; echo survived' USR1; echo ready; while :; do sleep 0.05; done`, {}, { limits });
    await host.untilPrinted(id, 'ready');
    await host.runtime.close();
    await host.openRuntime();
    const told = nextOom();
    await host.runtime.signal(id, 'USR1');
    expect(await told).toBe(id);
    await host.runtime.remove(id);
  });
});

describe('groups', () => {
  test('the first process is in the group of every hierarchy before it runs', async () => {
    const id = await host.start('sleep 1000');
    const { pid } = (await host.runtime.status(id))!;
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n').map((line) => line.split(':'));
    for (const tree of found.trees) {
      const line = lines.find(([number, controllers]) => (tree.version === 2 ? number === '0' : controllers === (tree.controllers.join(',') || `name=${tree.name}`)));
      expect([tree.mountPoint, line?.[2]]).toEqual([tree.mountPoint, `/${host.cgroupParent}/${id}`]);
    }
    await host.runtime.remove(id);
  });

  test('a cgroup parent is a group below the node, and goes with the last container', async () => {
    const id = await host.start('sleep 1000', { cgroupParent: '/team/web' }, { limits: { pids: 20 } });
    const pids = treeOf(found, 'pids')!;
    const group = join(pids.mountPoint, host.cgroupParent, 'team/web', id);
    expect(readFileSync(join(group, 'pids.max'), 'utf8')).toBe('20\n');
    await host.runtime.close();
    await host.openRuntime();
    expect((await host.runtime.stats(id)).pids.limit).toBe(20);
    await host.runtime.remove(id);
    expect(existsSync(join(pids.mountPoint, host.cgroupParent, 'team'))).toBe(false);
    await expect(host.start('true', { cgroupParent: '../other' })).rejects.toThrow('leads out of the node');
  });
});

describe('devices', () => {
  const tryDisk = (node: string) => `mknod /tmp/disk b ${node}; head -c 1 /tmp/disk 2>/dev/null | wc -c; head -c 1 /dev/zero | wc -c`;

  test('a device that is given can be used as far as it is given', async () => {
    const image = join(host.directory, 'disk');
    writeFileSync(image, '');
    truncateSync(image, mebibyte);
    const disk = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    try {
      const { major, minor } = deviceNumbers(statSync(disk).rdev);
      const node = `${major} ${minor}`;
      expect((await host.run(tryDisk(node))).output).toBe('0\n1\n');
      expect((await host.run(tryDisk(node), { deviceCgroupRules: [`b ${major}:${minor} r`] })).output).toBe('1\n1\n');
      const write = `mknod /tmp/disk b ${node}; echo x 2>&1 > /tmp/disk && echo written`;
      expect((await host.run(write, { deviceCgroupRules: [`b ${major}:* r`] })).output).toContain('Operation not permitted');
      expect((await host.run(write, { devices: [{ hostPath: disk, containerPath: disk, permissions: 'rwm' }] })).output).toBe('written\n');
    } finally {
      execFileSync('losetup', ['--detach', disk]);
    }
    await expect(host.start('true', { devices: [{ hostPath: '/dev/nothing-here', containerPath: '/x', permissions: 'r' }] })).rejects.toThrow('cannot examine the device /dev/nothing-here');
  });
});

describe('looking', () => {
  test('processes with what ps tells of them, those of execs among them', async () => {
    const id = await host.start('sleep 1001 & sleep 1002; true', { user: 'app' });
    const running = host.runtime.exec(id, { argv: ['sh', '-c', 'exec sleep 1003'], user: '0', timeoutMs: 60_000, maxOutputBytes: 10 }, host.signal);
    running.catch(() => undefined); // ends with the container
    let processes = await host.runtime.top(id);
    while (!['1001', '1002', '1003'].every((time) => processes.some(({ command }) => command === `sleep ${time}`))) {
      await systemClock.sleep(10);
      processes = await host.runtime.top(id);
    }
    const { pid } = (await host.runtime.status(id))!;
    const main = processes.find((process) => process.pid === pid)!;
    const child = processes.find(({ command }) => command === 'sleep 1001')!;
    expect(main).toMatchObject({ uid: 1000, threads: 1, terminal: '', name: 'sh' });
    expect(child).toMatchObject({ parentPid: pid, uid: 1000 });
    expect(child.state).toMatch(/^[SRD]$/);
    expect(processes.find(({ command }) => command === 'sleep 1003')).toMatchObject({ uid: 0 });
    expect(Math.abs(Date.now() - child.startedAtMs)).toBeLessThan(600_000);
    expect(child.residentBytes).toBeGreaterThan(0);
    await host.runtime.remove(id);
  });

  test('statistics of everything', async () => {
    const id = await host.start('head -c 5000000 /dev/zero > /tmp/data; echo up; sleep 1000', {}, { limits: { memoryBytes: 64 * mebibyte, pids: 33 } });
    await host.untilPrinted(id, 'up');
    const stats = await host.runtime.stats(id);
    expect(stats.cpu.totalNs).toBeGreaterThan(0);
    expect(stats.cpu.machineNs).toBeGreaterThan(stats.cpu.totalNs);
    expect(stats.cpu.onlineCpus).toBeGreaterThan(0);
    expect(stats.memory).toMatchObject({ limitBytes: 64 * mebibyte, oomKills: 0, isVersion2: treeOf(found, 'memory')!.version === 2 });
    expect(stats.memory.usageBytes).toBeGreaterThanOrEqual(stats.memory.workingBytes);
    expect(stats.memory.details['inactive_file']).toBeGreaterThanOrEqual(0);
    expect(stats.pids.limit).toBe(33);
    expect(stats.pids.current).toBeGreaterThan(0);
    expect(stats.networks).toEqual({});
    await host.runtime.remove(id);
    const free = await host.start('sleep 1000');
    const machine = Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) * 1024;
    expect((await host.runtime.stats(free)).memory.limitBytes).toBe(machine);
    await host.runtime.remove(free);
  });
});

describe('pausing', () => {
  test('stops progress, survives the agent, and ends', async () => {
    const id = await host.start('i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done');
    await host.untilPrinted(id, '3');
    await host.runtime.pause(id);
    const counted = (await host.runtime.stats(id)).cpu.totalNs;
    await host.runtime.close();
    await host.openRuntime();
    expect(await host.runtime.status(id)).toMatchObject({ state: 'paused' });
    expect((await host.runtime.stats(id)).cpu.totalNs).toBe(counted);
    expect((await host.runtime.top(id)).length).toBeGreaterThan(0);
    const before = (await host.logText(id)).trim().split('\n').length;
    await host.runtime.resume(id);
    await host.untilPrinted(id, String(before + 3));
    await host.runtime.pause(id);
    await host.runtime.remove(id);
  });

  test('an update reaches a paused container, whole or not at all', async () => {
    const id = await host.start('sleep 1000', {}, { limits: { pids: 10, memoryBytes: 64 * mebibyte } });
    await host.runtime.pause(id);
    await expect(host.runtime.update(id, { pids: 20, memoryBytes: 1 })).rejects.toThrow('invalid memory limit');
    await host.runtime.update(id, { pids: 20, memoryBytes: 32 * mebibyte, cpuShares: 512 });
    const { pids, memory } = await host.runtime.stats(id);
    expect([pids.limit, memory.limitBytes]).toEqual([20, 32 * mebibyte]);
    await host.runtime.remove(id);
  });

  test('limits instead of others: what is absent is taken away, and a runtime that is opened again knows them', async () => {
    const id = await host.start('sleep 1000', {}, { limits: { pids: 10, memoryBytes: 64 * mebibyte, nanoCpus: 5e8 } });
    await host.runtime.replaceLimits(id, { memoryBytes: 32 * mebibyte });
    const { pids, memory } = await host.runtime.stats(id);
    expect([pids.limit, memory.limitBytes]).toEqual([0, 32 * mebibyte]);
    expect((await host.runtime.status(id))!.limits).toEqual({ memoryBytes: 32 * mebibyte });
    await expect(host.runtime.replaceLimits(id, { memoryBytes: 1 })).rejects.toThrow('invalid memory limit');
    await host.runtime.replaceLimits(id, {});
    expect((await host.runtime.stats(id)).memory.limitBytes).toBe(machineMemoryBytes());
    await host.runtime.remove(id);
  });
});

test('this machine has the v2 tree that clone3 and cgroup.kill need', () => {
  expect(unifiedTree(found)).toBeDefined();
});
