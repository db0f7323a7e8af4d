import { Refused } from '../../../base/src/index.js';
import type { CgroupTree } from './layout.js';
import type { BlockIoResources, CgroupResources, CpuResources, DeviceLimit, MemoryResources } from './resources.js';
import { orMax, restoreLine, writesOf, type CgroupView, type CgroupWrite } from './write.js';

/** The files of cgroup v2, by controller: Documentation/admin-guide/cgroup-v2.rst of Linux. */

const defaultPeriodUs = 100_000;

export function cpuWrites(tree: CgroupTree, cpu: CpuResources, view: CgroupView): CgroupWrite[] {
  if (cpu.realtimePeriodUs !== undefined || cpu.realtimeRuntimeUs !== undefined) throw new Refused('unsupported', 'cgroup v2 has no limits for real-time processes');
  return writesOf(tree, {
    'cpu.idle': cpu.idle === undefined ? undefined : Number(cpu.idle),
    // An idle group has no weight.
    'cpu.weight': cpu.shares === undefined || cpu.idle ? undefined : weightOfShares(cpu.shares),
    'cpu.max': cpuMax(cpu, view.current(tree, 'cpu.max')),
    'cpu.max.burst': cpu.burstUs,
  });
}

/** One half that is not given stays as it is. */
function cpuMax({ quotaUs, periodUs }: CpuResources, current: string): string | undefined {
  if (quotaUs === undefined && periodUs === undefined) return undefined;
  const [currentQuota = 'max', currentPeriod = defaultPeriodUs] = current.split(' ').filter(Boolean);
  return `${quotaUs === undefined ? currentQuota : orMax(quotaUs)} ${periodUs ?? currentPeriod}`;
}

/**
 * Shares (2 to 262144, usually 1024) as a weight (1 to 10000, usually 100). The curve goes through all three pairs, as runc's and
 * crun's do since 2025; the straight line that they had before made 39 of 1024.
 */
export function weightOfShares(shares: number): number {
  const log = Math.log2(Math.min(262_144, Math.max(2, shares)));
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

export function memoryWrites(tree: CgroupTree, memory: MemoryResources): CgroupWrite[] {
  if (memory.swappiness !== undefined) throw new Refused('unsupported', 'cgroup v2 has no swappiness');
  if (memory.disableOomKiller) throw new Refused('unsupported', 'cgroup v2 cannot disable the OOM killer for a container');
  return [
    // Swap first: with memory first, a process could be pushed out into unlimited swap.
    ...writesOf(tree, { 'memory.swap.max': swapMax(memory) }).map((write) => ({ ...write, mayBeMissing: true })),
    ...writesOf(tree, {
      'memory.max': memory.limitBytes === undefined ? undefined : orMax(memory.limitBytes),
      'memory.low': memory.reservationBytes === undefined ? undefined : orMax(memory.reservationBytes),
    }),
  ];
}

/** v2 counts swap alone. */
function swapMax({ limitBytes, swapBytes }: MemoryResources): string | undefined {
  if (swapBytes === undefined) return limitBytes === -1 ? 'max' : undefined;
  if (swapBytes === -1) return 'max';
  if (limitBytes === undefined || limitBytes === -1) throw new Refused('invalid', 'a limit of memory and swap needs a limit of memory');
  return String(swapBytes - limitBytes);
}

const deviceKeys = [
  ['rbps', 'readBytesPerSecond'], ['wbps', 'writeBytesPerSecond'], ['riops', 'readsPerSecond'], ['wiops', 'writesPerSecond'],
] as const;

export function blockIoWrites(tree: CgroupTree, blockIo: BlockIoResources, view: CgroupView): CgroupWrite[] {
  if (blockIo.leafWeight !== undefined || blockIo.weightDevices?.some(({ leafWeight }) => leafWeight !== undefined)) {
    throw new Refused('unsupported', 'cgroup v2 has no leaf weights for block devices');
  }
  return [...weightWrites(tree, blockIo, view), ...throttleWrites(tree, blockIo)];
}

/** BFQ takes the weight as it is, and no other scheduler has one; `io.weight` is of the io cost controller. */
function weightWrites(tree: CgroupTree, { weight, weightDevices = [] }: BlockIoResources, view: CgroupView): CgroupWrite[] {
  if (weight === undefined && weightDevices.length === 0) return [];
  const isBfq = view.exists(tree, 'io.bfq.weight');
  const file = isBfq ? 'io.bfq.weight' : 'io.weight';
  if (!view.exists(tree, file)) throw new Refused('unsupported', 'the kernel of this machine has no weights for block devices (they need the BFQ scheduler or the io cost controller)');
  const scaled = (value: number) => (isBfq ? value : ioWeightOf(value));
  const ofDevices = weightDevices.flatMap((device): CgroupWrite[] =>
    device.weight === undefined ? [] : [{ tree, file, value: `${device.major}:${device.minor} ${scaled(device.weight)}`, restore: restoreLine(`${device.major}:${device.minor}`, 'default') }],
  );
  return [...(weight === undefined ? [] : [{ tree, file, value: `default ${scaled(weight)}`, restore: restoreLine('default', '100') }]), ...ofDevices];
}

/** 10 to 1000 as 1 to 10000. */
export function ioWeightOf(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** One line per device, with what is limited of it; 0 takes a limit away. */
function throttleWrites(tree: CgroupTree, blockIo: BlockIoResources): CgroupWrite[] {
  const byDevice = new Map<string, string[]>();
  for (const [key, list] of deviceKeys) {
    for (const limit of blockIo[list] ?? []) {
      const device = deviceNumber(limit);
      byDevice.set(device, [...(byDevice.get(device) ?? []), `${key}=${limit.rate === 0 ? 'max' : limit.rate}`]);
    }
  }
  return [...byDevice].map(([device, parts]) => ({ tree, file: 'io.max', value: `${device} ${parts.join(' ')}`, restore: restoreLine(device, 'rbps=max wbps=max riops=max wiops=max') }));
}

function deviceNumber({ major, minor }: DeviceLimit): string {
  return `${major}:${minor}`;
}

export function hugepageWrites(tree: CgroupTree, hugepages: NonNullable<CgroupResources['hugepages']>): CgroupWrite[] {
  return hugepages.flatMap(({ pageSize, limitBytes }) => [
    ...writesOf(tree, { [`hugetlb.${pageSize}.max`]: orMax(limitBytes) }),
    ...writesOf(tree, { [`hugetlb.${pageSize}.rsvd.max`]: orMax(limitBytes) }).map((write) => ({ ...write, mayBeMissing: true })),
  ]);
}
