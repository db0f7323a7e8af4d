import { statSync } from 'node:fs';
import { Refused } from '../../../base/src/index.js';
import type { ChangeableLimits, DeviceRate, ResourceLimits } from '../../../model/src/index.js';
import type { CgroupController } from './layout.js';
import type { BlockIoResources, CgroupResources, CpuResources, MemoryResources } from './resources.js';

/** Docker's period. */
const periodUs = 100_000;
/** The kernel takes no shorter quota. */
const minQuotaUs = 1000;
const maxPeriodUs = 1_000_000;
/** Docker's: less cannot even hold the first process. */
const minMemoryBytes = 6 << 20;

/** What a user asked for as resources, with Docker's defaults and refusals. Devices are looked up on this machine. */
export function resourcesOfLimits(limits: ResourceLimits): CgroupResources {
  return {
    cpu: cpuResources(limits),
    memory: memoryResources(limits),
    blockIo: blockIoResources(limits.blockIo ?? {}),
    ...(limits.pids === undefined ? {} : { pids: { limit: limits.pids } }),
  };
}

/** The same for a group that may have other limits now: those that are absent are written as none, where this machine has the controller. */
export function resourcesInstead(limits: ChangeableLimits, has: (controller: CgroupController) => boolean): CgroupResources {
  const { cpu, memory, pids } = resourcesOfLimits(limits);
  return {
    ...(has('cpu') || limits.nanoCpus || limits.cpuQuotaUs ? { cpu: { quotaUs: -1, ...cpu } } : {}),
    ...(has('memory') || limits.memoryBytes ? { memory: { limitBytes: -1, swapBytes: -1, ...memory } } : {}),
    ...(has('pids') || limits.pids ? { pids: pids ?? { limit: -1 } } : {}),
  };
}

function cpuResources(limits: ResourceLimits): CpuResources {
  const { nanoCpus, cpuQuotaUs, cpuPeriodUs, cpuShares } = limits;
  if (nanoCpus && (cpuQuotaUs || cpuPeriodUs)) throw new Refused('invalid', 'a number of cpus excludes a cpu quota and period: they say the same');
  check('cpu period', cpuPeriodUs, minQuotaUs, maxPeriodUs, 'microseconds');
  check('cpu quota', cpuQuotaUs, minQuotaUs, Infinity, 'microseconds');
  check('cpu shares', cpuShares, 2, 262_144);
  return given({
    shares: cpuShares || undefined,
    quotaUs: nanoCpus ? Math.max(minQuotaUs, Math.round((nanoCpus * periodUs) / 1e9)) : cpuQuotaUs || undefined,
    periodUs: nanoCpus ? periodUs : cpuPeriodUs || undefined,
    realtimeRuntimeUs: limits.cpuRealtimeRuntimeUs || undefined,
    realtimePeriodUs: limits.cpuRealtimePeriodUs || undefined,
    cpus: limits.cpusetCpus || undefined,
    mems: limits.cpusetMems || undefined,
  });
}

function memoryResources(limits: ResourceLimits): MemoryResources {
  const { memoryBytes = 0, memorySwapBytes = 0, memoryReservationBytes, memorySwappiness } = limits;
  check('memory limit', memoryBytes, minMemoryBytes, Infinity, 'bytes (6 MiB)');
  check('memory reservation', memoryReservationBytes, minMemoryBytes, Infinity, 'bytes (6 MiB)');
  if (memorySwapBytes !== 0 && memoryBytes === 0) throw new Refused('invalid', 'a limit of memory and swap needs a limit of memory');
  if (memorySwapBytes > 0 && memorySwapBytes < memoryBytes) throw new Refused('invalid', `the limit of memory and swap (${memorySwapBytes}) is less than that of memory alone (${memoryBytes})`);
  if (memoryReservationBytes && memoryBytes && memoryReservationBytes > memoryBytes) throw new Refused('invalid', `the memory reservation ${memoryReservationBytes} is more than the limit ${memoryBytes}`);
  if (memorySwappiness !== undefined && memorySwappiness !== -1) checkRange('memory swappiness', memorySwappiness, 0, 100);
  return given({
    limitBytes: memoryBytes || undefined,
    // As Docker: as much swap again as memory.
    swapBytes: memorySwapBytes || 2 * memoryBytes || undefined,
    reservationBytes: memoryReservationBytes || undefined,
    swappiness: memorySwappiness === -1 ? undefined : memorySwappiness,
    disableOomKiller: limits.oomKillDisable || undefined,
  });
}

function blockIoResources(limits: NonNullable<ResourceLimits['blockIo']>): BlockIoResources {
  check('block io weight', limits.weight, 10, 1000);
  for (const { weight } of limits.weightDevices ?? []) check('block io weight', weight, 10, 1000);
  return given({
    weight: limits.weight || undefined,
    weightDevices: limits.weightDevices?.map(({ path, weight }) => ({ ...blockDevice(path), weight })),
    readBytesPerSecond: rates(limits.readBytesPerSecond),
    writeBytesPerSecond: rates(limits.writeBytesPerSecond),
    readsPerSecond: rates(limits.readsPerSecond),
    writesPerSecond: rates(limits.writesPerSecond),
  });
}

function rates(list: DeviceRate[] | undefined) {
  return list?.map(({ path, rate }) => ({ ...blockDevice(path), rate }));
}

function blockDevice(path: string): { major: number; minor: number } {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status?.isBlockDevice()) throw new Refused('invalid', `${path} is no block device of this machine`);
  return deviceNumbers(status.rdev);
}

/** As the kernel packs them for user space: makedev(3). */
export function deviceNumbers(device: number): { major: number; minor: number } {
  const low = device % 2 ** 32;
  const high = Math.floor(device / 2 ** 32);
  return { major: ((low >>> 8) & 0xfff) | (high & ~0xfff), minor: (low & 0xff) | ((low >>> 12) & ~0xff) };
}

/** 0 is how users say "not given". */
function check(name: string, value: number | undefined, min: number, max: number, unit = ''): void {
  if (value) checkRange(name, value, min, max, unit);
}

function checkRange(name: string, value: number, min: number, max: number, unit = ''): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
  throw new Refused('invalid', `invalid ${name} ${value}: it is ${range} ${unit}`.trimEnd());
}

function given<Values extends object>(values: Values): { [Key in keyof Values]?: Exclude<Values[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
