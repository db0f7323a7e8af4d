import { Refused } from '../../../base/src/index.js';
import { keyedNumbers } from './files.js';
import type { CgroupTree } from './layout.js';
import type { BlockIoResources, CgroupResources, CpuResources, DeviceLimit, MemoryResources } from './resources.js';
import { restoreLine, writesOf, type CgroupView, type CgroupWrite } from './write.js';

/** The files of cgroup v1, by controller: Documentation/admin-guide/cgroup-v1 of Linux. */

export function cpuWrites(tree: CgroupTree, cpu: CpuResources): CgroupWrite[] {
  return writesOf(tree, {
    'cpu.shares': cpu.shares,
    'cpu.rt_period_us': cpu.realtimePeriodUs,
    'cpu.rt_runtime_us': cpu.realtimeRuntimeUs,
    'cpu.cfs_period_us': cpu.periodUs,
    'cpu.cfs_quota_us': cpu.quotaUs,
    'cpu.cfs_burst_us': cpu.burstUs,
    'cpu.idle': cpu.idle === undefined ? undefined : Number(cpu.idle),
  });
}

export function memoryWrites(tree: CgroupTree, memory: MemoryResources): CgroupWrite[] {
  const swap = memory.swapBytes ?? (memory.limitBytes === -1 ? -1 : undefined);
  return [
    ...writesOf(tree, { 'memory.limit_in_bytes': memory.limitBytes }),
    ...writesOf(tree, { 'memory.memsw.limit_in_bytes': swap }).map((write) => ({ ...write, mayBeMissing: true })),
    ...writesOf(tree, {
      'memory.soft_limit_in_bytes': memory.reservationBytes,
      'memory.swappiness': memory.swappiness,
    }),
    ...oomWrites(tree, memory),
  ];
}

/** The file reads as lines `key value`, and is written as one number. */
function oomWrites(tree: CgroupTree, { disableOomKiller }: MemoryResources): CgroupWrite[] {
  if (disableOomKiller === undefined) return [];
  const restore = (before: string) => String(keyedNumbers(before)['oom_kill_disable'] ?? 0);
  return [{ tree, file: 'memory.oom_control', value: String(Number(disableOomKiller)), restore }];
}

export function blockIoWrites(tree: CgroupTree, blockIo: BlockIoResources, view: CgroupView): CgroupWrite[] {
  const throttle = (file: string, limits: DeviceLimit[] = []) =>
    limits.map(({ major, minor, rate }) => ({ tree, file: `blkio.throttle.${file}_device`, value: `${major}:${minor} ${rate}`, restore: restoreLine(`${major}:${minor}`, '0') }));
  return [
    ...weightWrites(tree, blockIo, view),
    ...throttle('read_bps', blockIo.readBytesPerSecond),
    ...throttle('write_bps', blockIo.writeBytesPerSecond),
    ...throttle('read_iops', blockIo.readsPerSecond),
    ...throttle('write_iops', blockIo.writesPerSecond),
  ];
}

/** The weights went away with the CFQ scheduler (Linux 5.0); BFQ brought its own. */
function weightWrites(tree: CgroupTree, { weight, leafWeight, weightDevices = [] }: BlockIoResources, view: CgroupView): CgroupWrite[] {
  if (weight === undefined && leafWeight === undefined && weightDevices.length === 0) return [];
  const prefix = ['blkio', 'blkio.bfq'].find((candidate) => view.exists(tree, `${candidate}.weight`));
  if (!prefix) throw new Refused('unsupported', 'the kernel of this machine has no weights for block devices (they need the BFQ scheduler)');
  const hasLeaves = view.exists(tree, `${prefix}.leaf_weight`);
  if (!hasLeaves && (leafWeight !== undefined || weightDevices.some((device) => device.leafWeight !== undefined))) {
    throw new Refused('unsupported', 'the kernel of this machine has no leaf weights for block devices');
  }
  const perDevice = (file: string, major: number, minor: number, value: number | undefined): CgroupWrite[] =>
    value === undefined ? [] : [{ tree, file: `${prefix}.${file}_device`, value: `${major}:${minor} ${value}`, restore: restoreLine(`${major}:${minor}`, '0') }];
  return [
    ...writesOf(tree, { [`${prefix}.weight`]: weight, [`${prefix}.leaf_weight`]: leafWeight }),
    ...weightDevices.flatMap((device) => [
      ...perDevice('weight', device.major, device.minor, device.weight),
      ...perDevice('leaf_weight', device.major, device.minor, device.leafWeight),
    ]),
  ];
}

export function hugepageWrites(tree: CgroupTree, hugepages: NonNullable<CgroupResources['hugepages']>): CgroupWrite[] {
  return hugepages.flatMap(({ pageSize, limitBytes }) => [
    ...writesOf(tree, { [`hugetlb.${pageSize}.limit_in_bytes`]: limitBytes }),
    ...writesOf(tree, { [`hugetlb.${pageSize}.rsvd.limit_in_bytes`]: limitBytes }).map((write) => ({ ...write, mayBeMissing: true })),
  ]);
}

export function networkPriorityWrites(tree: CgroupTree, priorities: readonly { name: string; priority: number }[]): CgroupWrite[] {
  return priorities.map(({ name, priority }) => ({ tree, file: 'net_prio.ifpriomap', value: `${name} ${priority}`, restore: restoreLine(name, '0') }));
}
