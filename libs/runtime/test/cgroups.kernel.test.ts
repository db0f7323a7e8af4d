import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../base/src/index.js';
import { Cgroups } from '../src/cgroup/cgroups.js';
import { allowAllDevices, denyAllDevices, parseDeviceRule } from '../src/cgroup/device-rules.js';
import { deviceNumbers } from '../src/cgroup/from-limits.js';
import { treeOf, unifiedTree, type CgroupController, type CgroupLayout } from '../src/cgroup/layout.js';
import type { CgroupResources } from '../src/cgroup/resources.js';
import { probeCgroups } from '../src/host-facts.js';

/** The groups alone, without containers: every resource, in whichever cgroup version this machine has its controller. */

const mebibyte = 1 << 20;
const found = probeCgroups();
const parent = `shoal-test/groups-${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'shoal-groups-'));
const groups = new Set<string>();
const opened: Cgroups[] = [];
const children = new Set<ChildProcess>();
let count = 0;

function open(layout: CgroupLayout = found): Cgroups {
  const cgroups = new Cgroups(layout, parent, systemClock);
  opened.push(cgroups);
  return cgroups;
}

function create(cgroups: Cgroups, resources: CgroupResources, path = `g${++count}`): string {
  cgroups.create(path, resources);
  groups.add(path);
  return path;
}

/** What a file of the group says, in the tree that has the controller. */
function read(controller: CgroupController, group: string, file: string): string {
  return readFileSync(join(treeOf(found, controller)!.mountPoint, parent, group, file), 'utf8').trim();
}

/** Starts a shell script in the group, by way of a shell that waits until it has been moved there. */
function start(cgroups: Cgroups, group: string, script: string): ChildProcess & { pid: number } {
  const child = spawn('sh', ['-c', `read go; ${script}`], { stdio: ['pipe', 'pipe', 'inherit'] }) as ChildProcess & { pid: number };
  children.add(child);
  for (const file of cgroups.procsFiles(group)) writeFileSync(file, String(child.pid));
  child.stdin!.end('go\n');
  return child;
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null; output: string }> {
  let output = '';
  child.stdout!.on('data', (data: Buffer) => (output += data.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, output };
}

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  for (const group of groups) await open().remove(group);
  groups.clear();
});

afterAll(() => {
  for (const cgroups of opened) cgroups.close();
  rmSync(directory, { recursive: true });
  const left = found.trees.filter((tree) => existsSync(join(tree.mountPoint, parent)));
  expect(left).toEqual([]);
});

/** The shim, or where it was built already. */
function builtShim(): string {
  const ready = process.env['SHOAL_TEST_SHIM'];
  if (ready) return ready;
  execFileSync('make', ['-s', '-C', join(import.meta.dirname, '../shim'), `OUTPUT=${join(directory, 'bin/shoal-shim')}`]);
  return join(directory, 'bin/shoal-shim');
}

/** Controllers of these resources that the machine lacks: then the only right answer is a refusal. */
function isMissing(controller: CgroupController): boolean {
  return treeOf(found, controller) === undefined;
}

interface Case {
  controller: CgroupController;
  resources: CgroupResources;
  version1: Record<string, string>;
  version2: Record<string, string> | string;
}

const cases: Case[] = [
  { controller: 'cpu', resources: { cpu: { shares: 512, quotaUs: 50_000, periodUs: 200_000 } }, version1: { 'cpu.shares': '512', 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '200000' }, version2: { 'cpu.weight': '59', 'cpu.max': '50000 200000' } },
  { controller: 'cpu', resources: { cpu: { quotaUs: 20_000, burstUs: 10_000 } }, version1: { 'cpu.cfs_quota_us': '20000', 'cpu.cfs_burst_us': '10000' }, version2: { 'cpu.max': '20000 100000', 'cpu.max.burst': '10000' } },
  { controller: 'cpu', resources: { cpu: { idle: true } }, version1: { 'cpu.idle': '1' }, version2: { 'cpu.idle': '1' } },
  { controller: 'cpuset', resources: { cpu: { cpus: '0', mems: '0' } }, version1: { 'cpuset.cpus': '0', 'cpuset.mems': '0' }, version2: { 'cpuset.cpus': '0', 'cpuset.mems': '0' } },
  {
    controller: 'memory',
    resources: { memory: { limitBytes: 64 * mebibyte, swapBytes: 96 * mebibyte, reservationBytes: 32 * mebibyte } },
    version1: { 'memory.limit_in_bytes': String(64 * mebibyte), 'memory.memsw.limit_in_bytes': String(96 * mebibyte), 'memory.soft_limit_in_bytes': String(32 * mebibyte) },
    version2: { 'memory.max': String(64 * mebibyte), 'memory.low': String(32 * mebibyte) },
  },
  { controller: 'memory', resources: { memory: { swappiness: 10 } }, version1: { 'memory.swappiness': '10' }, version2: 'cgroup v2 has no swappiness' },
  { controller: 'memory', resources: { memory: { disableOomKiller: true } }, version1: { 'memory.oom_control': 'oom_kill_disable 1\nunder_oom 0\noom_kill 0' }, version2: 'cgroup v2 cannot disable the OOM killer' },
  { controller: 'pids', resources: { pids: { limit: 7 } }, version1: { 'pids.max': '7' }, version2: { 'pids.max': '7' } },
  { controller: 'net_cls', resources: { network: { classId: 0x100001 } }, version1: { 'net_cls.classid': String(0x100001) }, version2: '' },
  { controller: 'net_prio', resources: { network: { priorities: [{ name: 'lo', priority: 3 }] } }, version1: { 'net_prio.ifpriomap': 'lo 3' }, version2: '' },
];

describe('what is asked for is what the files say', () => {
  test.each(cases)('$resources', ({ controller, resources, version1, version2 }) => {
    const cgroups = open();
    if (isMissing(controller)) return expect(() => cgroups.create('missing', resources)).toThrow(`no cgroup controller ${controller}`);
    const expected = treeOf(found, controller)!.version === 1 ? version1 : version2;
    if (typeof expected === 'string') return expect(() => cgroups.create('refused', resources)).toThrow(expected);
    const group = create(cgroups, resources);
    expect(Object.fromEntries(Object.keys(expected).map((file) => [file, read(controller, group, file)]))).toEqual(expected);
  });

  test('huge pages, of each size that the machine has', () => {
    const sizes = existsSync('/sys/kernel/mm/hugepages') ? execFileSync('ls', ['/sys/kernel/mm/hugepages'], { encoding: 'utf8' }).match(/\d+(?=kB)/g) ?? [] : [];
    const hugepages = (sizes.length > 0 ? sizes : ['2048']).map((kilobytes) => ({ pageSize: Number(kilobytes) >= mebibyte ? `${Number(kilobytes) / mebibyte}GB` : `${Number(kilobytes) / 1024}MB`, limitBytes: 2 * Number(kilobytes) * 1024 }));
    if (isMissing('hugetlb')) return expect(() => open().create('missing', { hugepages })).toThrow('no cgroup controller hugetlb');
    const group = create(open(), { hugepages });
    const suffix = treeOf(found, 'hugetlb')!.version === 1 ? 'limit_in_bytes' : 'max';
    for (const { pageSize, limitBytes } of hugepages) expect(read('hugetlb', group, `hugetlb.${pageSize}.${suffix}`)).toBe(String(limitBytes));
    expect(Object.keys(open().stats(group).hugepages).sort()).toEqual(hugepages.map(({ pageSize }) => pageSize).sort());
  });

  test('raw files of v2, where the controller is one of v2', () => {
    const unified = unifiedTree(found);
    if (!unified) return expect(() => open().create('refused', { unified: { 'cgroup.max.depth': '3' } })).toThrow('is not one of cgroup v2');
    const group = create(open(), { unified: { 'cgroup.max.depth': '3' } });
    expect(readFileSync(join(unified.mountPoint, parent, group, 'cgroup.max.depth'), 'utf8')).toBe('3\n');
    expect(() => open().create('refused', { unified: { 'cgroup.max.depth': 'nonsense' } })).toThrow('the kernel refuses "nonsense" for cgroup.max.depth');
    expect(existsSync(join(unified.mountPoint, parent, 'refused'))).toBe(false);
  });

  test('a parent below the node comes with its first container and goes with its last', async () => {
    const cgroups = open();
    const first = create(cgroups, { pids: { limit: 5 } }, 'web/one/a');
    const second = create(cgroups, {}, 'web/b');
    expect(read('pids', first, 'pids.max')).toBe('5');
    await cgroups.remove(first);
    const exists = (path: string) => found.trees.map((tree) => existsSync(join(tree.mountPoint, parent, path)));
    expect(exists('web/one')).toEqual(found.trees.map(() => false));
    expect(exists('web')).toEqual(found.trees.map(() => true));
    await cgroups.remove(second);
    expect(exists('web')).toEqual(found.trees.map(() => false));
    create(cgroups, {}, 'web/one/a');
  });

  test('a group that a crash left behind is made anew; one in use is not taken', async () => {
    const cgroups = open();
    const group = create(cgroups, { pids: { limit: 5 } });
    create(cgroups, {}, group);
    expect(read('pids', group, 'pids.max')).toBe('max');
    const child = start(cgroups, group, 'exec sleep 1000');
    expect(() => cgroups.create(group, {})).toThrow('is in use');
    expect(cgroups.pids(group)).toEqual([child.pid]);
  });
});

describe('updates', () => {
  test('raise and lower limits that hold each other', () => {
    const cgroups = open();
    const group = create(cgroups, { memory: { limitBytes: 64 * mebibyte, swapBytes: 64 * mebibyte }, cpu: { quotaUs: 10_000, periodUs: 20_000 } });
    const limit = () => cgroups.stats(group).memory.limitBytes / mebibyte;
    for (const size of [256, 32, 128]) {
      cgroups.update(group, { memory: { limitBytes: size * mebibyte, swapBytes: 2 * size * mebibyte } });
      expect(limit()).toBe(size);
    }
    cgroups.update(group, { memory: { limitBytes: -1 } });
    expect(limit()).toBe(0);
    cgroups.update(group, { cpu: { periodUs: 50_000 } });
    const isV1 = treeOf(found, 'cpu')!.version === 1;
    expect(isV1 ? [read('cpu', group, 'cpu.cfs_quota_us'), read('cpu', group, 'cpu.cfs_period_us')] : read('cpu', group, 'cpu.max').split(' ')).toEqual(['10000', '50000']);
  });

  test('are whole or nothing', () => {
    const cgroups = open();
    const group = create(cgroups, { pids: { limit: 7 }, cpu: { quotaUs: 20_000, periodUs: 100_000, shares: 512 }, memory: { limitBytes: 64 * mebibyte, swapBytes: 64 * mebibyte } });
    const all = () => {
      const { memory, pids } = cgroups.stats(group);
      const cpu = treeOf(found, 'cpu')!.version === 1 ? ['cpu.shares', 'cpu.cfs_quota_us'] : ['cpu.weight', 'cpu.max'];
      return { memory: memory.limitBytes, pids: pids.limit, cpu: cpu.map((file) => read('cpu', group, file)) };
    };
    const before = all();
    const good: CgroupResources = { pids: { limit: 9 }, cpu: { shares: 2048, quotaUs: 30_000 }, memory: { limitBytes: 128 * mebibyte, swapBytes: 128 * mebibyte } };
    expect(() => cgroups.update(group, { ...good, cpu: { ...good.cpu, periodUs: 5 } })).toThrow(/the kernel refuses ".*5" for cpu/);
    expect(all()).toEqual(before);
    expect(() => cgroups.update(group, { ...good, network: { classId: 1 } })).toThrow('no cgroup controller net_cls');
    expect(all()).toEqual(before);
    cgroups.update(group, good);
    expect(all()).not.toEqual(before);
  });

  test('a limit below what is used now is refused when that is asked for', async () => {
    const cgroups = open();
    const group = create(cgroups, {});
    const child = start(cgroups, group, 'data=$(head -c 14000000 /dev/zero | tr "\\0" x); echo up; read never; echo $data');
    await once(child.stdout!, 'data');
    const limit = { limitBytes: 8 * mebibyte, swapBytes: 8 * mebibyte };
    expect(() => cgroups.update(group, { memory: { ...limit, checkBeforeUpdate: true } })).toThrow('more than the limit 8388608');
    expect(cgroups.stats(group).memory.limitBytes).toBe(0);
  });
});

describe('devices', () => {
  const look = 'for node in null zero random; do head -c 1 /dev/$node >/dev/null 2>&1 && printf "$node "; done; echo';
  const rules = (...texts: string[]) => [denyAllDevices, ...texts.map(parseDeviceRule)];
  const seen = async (cgroups: Cgroups, group: string) => (await ended(start(cgroups, group, look))).output.trim();

  test('a new list takes the place of the old one, both ways', async () => {
    const cgroups = new Cgroups(found, parent, systemClock, builtShim());
    opened.push(cgroups);
    const group = create(cgroups, { devices: [allowAllDevices] });
    expect(await seen(cgroups, group)).toBe('null zero random');
    cgroups.update(group, { devices: rules('c 1:3 rwm', 'c 1:5 r') });
    expect(await seen(cgroups, group)).toBe('null zero');
    cgroups.update(group, { devices: rules('c 1:3 rwm', 'c 1:8 r') });
    expect(await seen(cgroups, group)).toBe('null random');
    expect(() => cgroups.update(group, { devices: rules('c 1:3 rwm'), pids: { limit: 5 }, network: { classId: 1 } })).toThrow('no cgroup controller net_cls');
    expect(await seen(cgroups, group)).toBe('null random');
    cgroups.update(group, { devices: [allowAllDevices] });
    expect(await seen(cgroups, group)).toBe('null zero random');
  });
});

describe('limits hold', () => {
  test('memory: the OOM killer is counted', async () => {
    const cgroups = open();
    const group = create(cgroups, { memory: { limitBytes: 20 * mebibyte } });
    expect(await ended(start(cgroups, group, 'exec dd if=/dev/zero of=/dev/null bs=40M count=1 2>/dev/null'))).toMatchObject({ signal: 'SIGKILL' });
    const { memory } = cgroups.stats(group);
    expect(memory).toMatchObject({ limitBytes: 20 * mebibyte, oomKills: 1 });
    expect(memory.failures).toBeGreaterThan(0);
    expect(memory.maxUsageBytes).toBeGreaterThan(10 * mebibyte);
  });

  test('pids: no more than allowed', async () => {
    const cgroups = open();
    const group = create(cgroups, { pids: { limit: 3 } });
    const { output } = await ended(start(cgroups, group, 'exec 2>&1; for i in 1 2 3 4 5; do sleep 5 >/dev/null 2>&1 & done'));
    expect(output).toMatch(/fork/);
    expect(cgroups.stats(group).pids.limit).toBe(3);
  });

  test('cpu: periods are throttled, and counted', async () => {
    const cgroups = open();
    const group = create(cgroups, { cpu: { quotaUs: 5000, periodUs: 50_000 } });
    start(cgroups, group, 'while :; do :; done');
    const from = performance.now();
    let { cpu } = cgroups.stats(group);
    while (cpu.throttledPeriods < 8) {
      await systemClock.sleep(20);
      ({ cpu } = cgroups.stats(group));
    }
    const share = cpu.totalNs / 1e6 / (performance.now() - from);
    expect(share).toBeLessThan(0.3);
    expect(cpu.throttledNs).toBeGreaterThan(0);
    expect(cpu.periods).toBeGreaterThanOrEqual(cpu.throttledPeriods);
    if (treeOf(found, 'cpuacct')!.version === 1) expect(cpu.perCpuNs.reduce((sum, part) => sum + part, 0)).toBeGreaterThan(0);
  });

  test('cpuset: processes run where they may', async () => {
    if (isMissing('cpuset')) return expect(() => open().create('missing', { cpu: { cpus: '0' } })).toThrow('no cgroup controller cpuset');
    const cgroups = open();
    const group = create(cgroups, { cpu: { cpus: '0' } });
    const { output } = await ended(start(cgroups, group, 'grep Cpus_allowed_list /proc/self/status'));
    expect(output).toMatch(/:\s+0\n/);
  });

  test('block devices: reads wait, and are counted', async () => {
    const image = join(directory, 'disk');
    writeFileSync(image, '');
    truncateSync(image, 4 * mebibyte);
    const disk = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    try {
      const { major, minor } = deviceNumbers(statSync(disk).rdev);
      const cgroups = open();
      const group = create(cgroups, { devices: [allowAllDevices], blockIo: { readBytesPerSecond: [{ major, minor, rate: 4 * mebibyte }] } });
      const from = performance.now();
      expect(await ended(start(cgroups, group, `exec dd if=${disk} of=/dev/null bs=256k count=8 iflag=direct 2>/dev/null`))).toMatchObject({ code: 0 });
      expect(performance.now() - from).toBeGreaterThan(300); // 2 MiB at 4 MiB/s
      const { bytes, operations } = cgroups.stats(group).blockIo;
      expect(bytes).toContainEqual({ major, minor, operation: 'read', value: 2 * mebibyte });
      expect(operations.find((counted) => counted.major === major && counted.minor === minor && counted.operation === 'read')!.value).toBeGreaterThan(0);
      cgroups.update(group, { blockIo: { readBytesPerSecond: [{ major, minor, rate: 0 }] } });
    } finally {
      execFileSync('losetup', ['--detach', disk]);
    }
  });
});

/** The layouts that this machine can play: what it is, and without its v2 tree where there are v1 hierarchies. */
const layouts: [string, CgroupLayout][] = [['as found', found]];
if (treeOf(found, 'freezer') !== unifiedTree(found) || found.trees.some(({ version, controllers }) => version === 1 && controllers.includes('freezer'))) {
  layouts.push(['v1 alone', { trees: found.trees.filter(({ version }) => version === 1) }]);
}

describe.each(layouts)('stopping and killing (%s)', (_, layout) => {
  test('what is frozen makes no progress, and goes on', async () => {
    const cgroups = open(layout);
    const group = create(cgroups, {});
    start(cgroups, group, 'while :; do :; done');
    await cgroups.freeze(group);
    expect(cgroups.isFrozen(group)).toBe(true);
    const { totalNs } = cgroups.stats(group).cpu;
    await systemClock.sleep(50);
    expect(cgroups.stats(group).cpu.totalNs).toBe(totalNs);
    cgroups.thaw(group);
    while (cgroups.stats(group).cpu.totalNs === totalNs) await systemClock.sleep(5);
    expect(cgroups.isFrozen(group)).toBe(false);
  });

  test('a group that forks all the time is killed whole, frozen or not', async () => {
    const cgroups = open(layout);
    for (const isFrozen of [false, true]) {
      const group = create(cgroups, { pids: { limit: 60 } });
      const child = start(cgroups, group, 'while :; do (sleep 0.01; sleep 1000) & done 2>/dev/null');
      const exited = once(child, 'exit'); // sh ends when it cannot fork any more; what it has forked stays
      while (cgroups.pids(group).length < 10) await systemClock.sleep(5);
      if (isFrozen) await cgroups.freeze(group);
      await cgroups.remove(group);
      await exited;
      groups.delete(group);
      for (const tree of layout.trees) expect(existsSync(join(tree.mountPoint, parent, group))).toBe(false);
    }
  });
});
