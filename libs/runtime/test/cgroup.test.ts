import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResourceLimits } from '../../model/src/index.js';
import { compileDeviceFilter } from '../src/cgroup/device-filter.js';
import { allowAllDevices, defaultDeviceRules, denyAllDevices, deviceWrites, parseDeviceRule } from '../src/cgroup/device-rules.js';
import { deviceNumbers, resourcesOfLimits } from '../src/cgroup/from-limits.js';
import { groupPath } from '../src/cgroup/group-path.js';
import { parseCgroupLayout, treeOf, type CgroupLayout } from '../src/cgroup/layout.js';
import type { CgroupResources, DeviceRule } from '../src/cgroup/resources.js';
import { blockIoOfVersion2, parseBlkio } from '../src/cgroup/stats.js';
import { ioWeightOf, weightOfShares } from '../src/cgroup/version2.js';
import { cgroupWrites } from '../src/cgroup/writes.js';
import { parseNetworkCounts } from '../src/machine-counts.js';

const v1Mounts = [
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset',
  '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices',
  '37 31 0:34 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio',
  '39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
  '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
];
const hybrid = parseCgroupLayout([...v1Mounts, '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw'].join('\n'), () => ['hugetlb']);
const pure = parseCgroupLayout('31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup rw', () => ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb', 'rdma']);
const none: CgroupLayout = { trees: [] };

/** `file=value`, as they would be written. */
function lines(resources: CgroupResources, layout: CgroupLayout, current: Record<string, string> = {}): string[] {
  const view = { layout, current: (_: unknown, file: string) => current[file] ?? '', exists: () => true };
  return cgroupWrites(resources, view).map(({ file, value }) => `${file}=${value}`);
}

describe('layout', () => {
  test('is found by looking', () => {
    expect(hybrid.trees.map(({ mountPoint, controllers, name }) => `${mountPoint} ${controllers.join('+')}${name ? ` name=${name}` : ''}`)).toEqual([
      '/sys/fs/cgroup/cpu,cpuacct cpu+cpuacct', '/sys/fs/cgroup/cpuset cpuset', '/sys/fs/cgroup/memory memory', '/sys/fs/cgroup/devices devices',
      '/sys/fs/cgroup/blkio blkio', '/sys/fs/cgroup/pids pids', '/sys/fs/cgroup/systemd  name=systemd', '/sys/fs/cgroup/unified hugetlb',
    ]);
  });

  test('each controller is where it is', () => {
    expect(['memory', 'hugetlb', 'freezer', 'rdma'].map((name) => treeOf(hybrid, name as 'memory')?.version)).toEqual([1, 2, 2, undefined]);
    expect(['cpuacct', 'blkio', 'freezer', 'devices', 'net_cls'].map((name) => treeOf(pure, name as 'memory')?.version)).toEqual([2, 2, 2, 2, undefined]);
  });
});

describe('resources become values', () => {
  const disk = { major: 8, minor: 0 };
  const resources: CgroupResources = {
    cpu: { shares: 512, quotaUs: 50_000, periodUs: 200_000, burstUs: 1000, cpus: '0-1', mems: '0' },
    memory: { limitBytes: 100, reservationBytes: 50, swapBytes: 150 },
    pids: { limit: 10 },
    blockIo: { weight: 500, weightDevices: [{ ...disk, weight: 100 }], readBytesPerSecond: [{ ...disk, rate: 1000 }], writesPerSecond: [{ ...disk, rate: 20 }, { major: 8, minor: 16, rate: 0 }] },
    hugepages: [{ pageSize: '2MB', limitBytes: 4096 }],
  };

  test('of v1, and of v2 where a hybrid machine has the controller there', () => {
    expect(lines(resources, hybrid)).toEqual([
      'cpu.shares=512', 'cpu.cfs_period_us=200000', 'cpu.cfs_quota_us=50000', 'cpu.cfs_burst_us=1000', 'cpuset.cpus=0-1', 'cpuset.mems=0',
      'memory.limit_in_bytes=100', 'memory.memsw.limit_in_bytes=150', 'memory.soft_limit_in_bytes=50', 'pids.max=10',
      'blkio.weight=500', 'blkio.weight_device=8:0 100', 'blkio.throttle.read_bps_device=8:0 1000', 'blkio.throttle.write_iops_device=8:0 20', 'blkio.throttle.write_iops_device=8:16 0',
      'hugetlb.2MB.max=4096', 'hugetlb.2MB.rsvd.max=4096',
    ]);
  });

  test('of v2', () => {
    expect(lines(resources, pure)).toEqual([
      'cpu.weight=59', 'cpu.max=50000 200000', 'cpu.max.burst=1000', 'cpuset.cpus=0-1', 'cpuset.mems=0', 'memory.swap.max=50', 'memory.max=100', 'memory.low=50', 'pids.max=10',
      'io.bfq.weight=default 500', 'io.bfq.weight=8:0 100', 'io.max=8:0 rbps=1000 wiops=20', 'io.max=8:16 wiops=max', 'hugetlb.2MB.max=4096', 'hugetlb.2MB.rsvd.max=4096',
    ]);
  });

  test('only what is asked for is written', () => {
    expect(lines({}, hybrid)).toEqual([]);
    expect(lines({ cpu: {}, memory: {}, blockIo: {}, network: {}, hugepages: [], rdma: {} }, pure)).toEqual([]);
    expect(lines({ cpu: {}, memory: { disableOomKiller: false } }, none)).toEqual([]);
  });

  test('no limit, and halves of a pair', () => {
    expect(lines({ memory: { limitBytes: -1 }, pids: { limit: 0 }, cpu: { quotaUs: -1 } }, pure)).toEqual(['cpu.max=max 100000', 'memory.swap.max=max', 'memory.max=max', 'pids.max=max']);
    expect(lines({ memory: { limitBytes: -1 } }, hybrid)).toEqual(['memory.limit_in_bytes=-1', 'memory.memsw.limit_in_bytes=-1']);
    expect(lines({ cpu: { periodUs: 50_000 } }, pure, { 'cpu.max': '20000 100000' })).toEqual(['cpu.max=20000 50000']);
    expect(lines({ cpu: { quotaUs: 50_000 } }, pure, { 'cpu.max': 'max 200000' })).toEqual(['cpu.max=50000 200000']);
    expect(lines({ memory: { limitBytes: 100, swapBytes: 100 } }, pure)).toEqual(['memory.swap.max=0', 'memory.max=100']);
    expect(lines({ cpu: { idle: true, shares: 100 } }, pure)).toEqual(['cpu.idle=1']);
  });

  test('raw files of v2', () => {
    expect(lines({ unified: { 'memory.high': '1000', 'cgroup.max.depth': '5' } }, pure)).toEqual(['memory.high=1000', 'cgroup.max.depth=5']);
    for (const name of ['../memory.max', 'memory/max', 'memory', '..', 'memory..max']) expect(() => lines({ unified: { [name]: '1' } }, pure)).toThrow('is no name of a cgroup file');
    expect(() => lines({ unified: { 'memory.high': '1000' } }, hybrid)).toThrow('the controller memory is not one of cgroup v2 on this machine');
  });

  test.each<[CgroupResources, CgroupLayout, string]>([
    [{ cpu: { shares: 5 }, memory: { limitBytes: 5 }, pids: { limit: 5 } }, none, 'no cgroup controller cpu, memory, pids'],
    [{ network: { classId: 5 } }, pure, 'no cgroup controller net_cls'],
    [{ cpu: { realtimeRuntimeUs: 5 } }, pure, 'no limits for real-time processes'],
    [{ memory: { swappiness: 5 } }, pure, 'no swappiness'],
    [{ memory: { disableOomKiller: true } }, pure, 'cannot disable the OOM killer'],
    [{ memory: { swapBytes: 5 } }, pure, 'needs a limit of memory'],
    [{ blockIo: { leafWeight: 5 } }, pure, 'no leaf weights'],
  ])('%j is refused', (refused, layout, words) => expect(() => lines(refused, layout)).toThrow(words));

  test('a kernel without weights says so', () => {
    const view = { layout: hybrid, current: () => '', exists: () => false };
    expect(() => cgroupWrites({ blockIo: { weight: 100 } }, view)).toThrow('no weights for block devices');
  });

  // The pairs that runc's and crun's documentation names.
  test.each([[2, 1], [100, 17], [512, 59], [1024, 100], [2048, 174], [262_144, 10_000]])('%i shares are the weight %i', (shares, weight) => expect(weightOfShares(shares)).toBe(weight));
  test.each([[10, 1], [100, 910], [500, 4950], [1000, 10_000]])('the io weight %i is %i of v2', (weight, ioWeight) => expect(ioWeightOf(weight)).toBe(ioWeight));
});

describe('limits of a user', () => {
  const of = (limits: ResourceLimits, layout = hybrid) => lines(resourcesOfLimits(limits), layout);
  test('with the defaults of Docker', () => {
    expect(of({ nanoCpus: 1e8, memoryBytes: 50e6, pids: 10 })).toEqual(['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=10000', 'memory.limit_in_bytes=50000000', 'memory.memsw.limit_in_bytes=100000000', 'pids.max=10']);
    expect(of({ nanoCpus: 1e8, memoryBytes: 50e6, pids: 10 }, pure)).toEqual(['cpu.max=10000 100000', 'memory.swap.max=50000000', 'memory.max=50000000', 'pids.max=10']);
    expect(of({ nanoCpus: 1 }, pure)).toEqual(['cpu.max=1000 100000']);
    expect(of({ memoryBytes: 50e6, memorySwapBytes: -1 }, pure)).toEqual(['memory.swap.max=max', 'memory.max=50000000']);
    expect(of({ memoryBytes: 0, cpuShares: 0, memorySwappiness: -1, oomKillDisable: false })).toEqual([]);
    expect(of({ memorySwappiness: 0, oomKillDisable: true })).toEqual(['memory.swappiness=0', 'memory.oom_control=1']);
  });

  test.each<[ResourceLimits, string]>([
    [{ memoryBytes: 1000 }, 'it is at least 6291456 bytes (6 MiB)'],
    [{ memorySwapBytes: 50e6 }, 'needs a limit of memory'],
    [{ memoryBytes: 50e6, memorySwapBytes: 40e6 }, 'is less than that of memory alone'],
    [{ memoryBytes: 50e6, memoryReservationBytes: 60e6 }, 'is more than the limit'],
    [{ memorySwappiness: 101 }, 'from 0 to 100'],
    [{ cpuShares: 1 }, 'from 2 to 262144'],
    [{ cpuPeriodUs: 1 }, 'from 1000 to 1000000 microseconds'],
    [{ nanoCpus: 1e9, cpuQuotaUs: 5000 }, 'excludes a cpu quota'],
    [{ blockIo: { weight: 5 } }, 'from 10 to 1000'],
    [{ blockIo: { readBytesPerSecond: [{ path: '/dev/null', rate: 1 }] } }, '/dev/null is no block device'],
  ])('%j is refused', (limits, words) => expect(() => resourcesOfLimits(limits)).toThrow(words));

  test('a parent stays below the node', () => {
    expect(groupPath('/web/one/', 'c1')).toBe('web/one/c1');
    for (const parent of ['..', 'a/../../b', './a', 'memory.max', 'a/cgroup.procs']) expect(() => groupPath(parent, 'c1')).toThrow('invalid cgroup parent');
  });

  test('numbers of devices', () => {
    expect(deviceNumbers(0x103)).toEqual({ major: 1, minor: 3 });
    expect(deviceNumbers(254 * 256 + 16)).toEqual({ major: 254, minor: 16 });
    expect(deviceNumbers(0x100 + 0x12300000 + 0x45)).toEqual({ major: 1, minor: 0x12345 });
  });
});

const accessBits = { m: 1, r: 2, w: 4 } as const;
const bitsOf = (access: string) => [...access].reduce((bits, letter) => bits | accessBits[letter as 'm'], 0);

/** The rules as OCI means them: for each access wanted, the last rule about the device that names it counts; none: refused. */
function allows(rules: readonly DeviceRule[], type: 'b' | 'c', wanted: number, major: number, minor: number): boolean {
  const meant = (rule: DeviceRule, bit: number) =>
    rule.type === 'a' || (rule.type === type && (rule.major ?? major) === major && (rule.minor ?? minor) === minor && (bitsOf(rule.access) & bit) !== 0);
  return [1, 2, 4].filter((bit) => wanted & bit).every((bit) => rules.findLast((rule) => meant(rule, bit))?.allow ?? false);
}

/** Runs a filter as the kernel would, as far as its instructions go. */
function execute(program: Buffer, type: 'b' | 'c', wanted: number, major: number, minor: number): boolean {
  const registers = new Array<number>(11).fill(0);
  const context = [(wanted << 16) | (type === 'b' ? 1 : 2), major, minor];
  for (let at = 0; at < program.length / 8; at++) {
    const to = program.readUInt8(at * 8 + 1) & 15;
    const from = program.readUInt8(at * 8 + 1) >> 4;
    const offset = program.readInt16LE(at * 8 + 2);
    const value = program.readInt32LE(at * 8 + 4);
    switch (program.readUInt8(at * 8)) {
      case 0x61: registers[to] = context[offset / 4]!; break;
      case 0xbc: registers[to] = registers[from]!; break;
      case 0x54: registers[to]! &= value; break;
      case 0x74: registers[to]! >>>= value; break;
      case 0xb7: registers[to] = value; break;
      case 0x15: at += registers[to] === value ? offset : 0; break;
      case 0x55: at += registers[to] !== value ? offset : 0; break;
      case 0x95: return registers[0] === 1;
      default: throw new Error('the program has an instruction that it should not');
    }
  }
  throw new Error('the program has no end');
}

const anyRule: fc.Arbitrary<DeviceRule> = fc
  .record({ allow: fc.boolean(), type: fc.constantFrom('b', 'b', 'c', 'c', 'a'), major: fc.option(fc.constantFrom(1, 5), { nil: undefined }), minor: fc.option(fc.constantFrom(3, 8), { nil: undefined }), access: fc.constantFrom('r', 'w', 'm', 'rw', 'wm', 'rwm') })
  .map(({ allow, type, major, minor, access }) => (type === 'a' ? { allow, type: 'a', access: 'rwm' } : { allow, type: type as 'b', access, ...(major === undefined ? {} : { major }), ...(minor === undefined ? {} : { minor }) }));
const anyWish = fc.tuple(fc.constantFrom('b' as const, 'c' as const), fc.integer({ min: 1, max: 7 }), fc.constantFrom(1, 5, 9), fc.constantFrom(3, 8, 9));

describe('devices', () => {
  test("Docker's list", () => {
    const program = compileDeviceFilter(defaultDeviceRules)!;
    expect(execute(program, 'c', 6, 1, 3)).toBe(true);
    expect(execute(program, 'c', 2, 136, 7)).toBe(true);
    expect(execute(program, 'b', 1, 254, 0)).toBe(true);
    expect(execute(program, 'b', 3, 254, 0)).toBe(false);
    expect(execute(program, 'c', 2, 1, 1)).toBe(false);
    expect(execute(program, 'c', 4, 10, 229)).toBe(false);
  });

  test('the program allows what the rules say', () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 6 }), anyWish, (rules, wish) => {
        const program = compileDeviceFilter(rules);
        expect(program ? execute(program, ...wish) : true).toBe(allows(rules, ...wish));
      }),
      { numRuns: 3000 },
    );
  });

  test('the lines of v1 say the same, or it is refused', () => {
    const tree = treeOf(hybrid, 'devices')!;
    const v1Allows = (written: { file: string; value: string }[], ...[type, wanted, major, minor]: [type: 'b' | 'c', wanted: number, major: number, minor: number]) => {
      const [base, ...exceptions] = written.map(({ value }) => value);
      const isMeant = (line: string) => {
        const { access, ...rule } = parseDeviceRule(line);
        return rule.type === type && (rule.major ?? major) === major && (rule.minor ?? minor) === minor && { bits: bitsOf(access) };
      };
      expect(base).toBe('a');
      const bits = exceptions.reduce((all, line) => all | (isMeant(line) || { bits: 0 }).bits, 0);
      return written[0]!.file === 'devices.allow' ? (bits & wanted) === 0 : (wanted & ~bits) === 0;
    };
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 6 }), anyWish, (rules, wish) => {
        let written;
        try {
          written = deviceWrites(tree, rules);
        } catch (error) {
          expect((error as Error).message).toMatch(/^cgroup v1 cannot (allow|deny) the device/);
          return;
        }
        expect(v1Allows(written, ...wish)).toBe(allows(rules, ...wish));
      }),
      { numRuns: 3000 },
    );
  });

  test('in a group with processes only the difference is written', () => {
    const tree = treeOf(hybrid, 'devices')!;
    const written = deviceWrites(tree, [denyAllDevices, parseDeviceRule('c 1:3 rwm'), parseDeviceRule('c 10:229 rw')], 'c 1:3 rwm\nc 1:5 rwm');
    expect(written.map(({ file, value, restoreFile }) => `${file} ${value}, undone in ${restoreFile}`)).toEqual(['devices.allow c 10:229 rw, undone in devices.deny', 'devices.deny c 1:5 rwm, undone in devices.allow']);
  });

  test('everything allowed needs no program', () => {
    expect(compileDeviceFilter([denyAllDevices, allowAllDevices])).toBeUndefined();
    expect(deviceWrites(treeOf(hybrid, 'devices')!, [allowAllDevices]).map(({ file, value }) => `${file} ${value}`)).toEqual(['devices.allow a']);
  });

  test.each(['c 10:229', 'x 1:1 r', 'c 1:1 rwmr', 'c -1:1 r', 'c 1:1 x', ''])('the rule %j is refused', (text) => expect(() => parseDeviceRule(text)).toThrow('invalid device cgroup rule'));
});

describe('counts', () => {
  test('of block devices', () => {
    expect(parseBlkio('8:0 Read 4096\n8:0 Write 0\n8:0 Discard 0\n8:0 Total 4096\nTotal 4096')).toMatchObject([{ operation: 'read', value: 4096 }, { operation: 'write' }, { operation: 'discard' }, { operation: 'total', major: 8, minor: 0 }]);
    expect(blockIoOfVersion2('8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:0 \n').operations).toEqual([
      { major: 8, minor: 16, operation: 'read', value: 3 }, { major: 8, minor: 16, operation: 'write', value: 4 }, { major: 8, minor: 16, operation: 'discard', value: 6 },
    ]);
  });

  test('of a network', () => {
    const text = 'Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo:  1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n';
    expect(parseNetworkCounts(text)).toEqual({ eth0: { receivedBytes: 10, receivedPackets: 2, receiveErrors: 3, receiveDropped: 4, sentBytes: 50, sentPackets: 6, sendErrors: 7, sendDropped: 8 } });
  });
});
