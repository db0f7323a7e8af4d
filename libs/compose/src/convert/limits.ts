import type { BlockIoLimits, DeviceRate, ResourceLimits } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { convertCpus, convertMemory } from './amounts.js';
import type { Scope } from './scope.js';
import { compact, nonZero, problem, servicePath, toNumber } from './scope.js';

/** `deploy.resources.limits` and the older keys of the service itself, of which each limit may stand in one place. */
export function convertLimits(scope: Scope, name: string, service: Service): ResourceLimits | undefined {
  const block = service.deploy?.resources?.limits;
  rejectDoubles(scope, name, service);
  const path = servicePath(name, 'deploy.resources.limits');
  const limits = compact<ResourceLimits>({
    nanoCpus: convertCpus(scope, `${path}.cpus`, block?.cpus) ?? convertCpus(scope, servicePath(name, 'cpus'), service.cpus),
    memoryBytes: convertMemory(scope, `${path}.memory`, block?.memory) ?? convertMemory(scope, servicePath(name, 'mem_limit'), limited(service.mem_limit)),
    pids: nonZero(block?.pids) ?? nonZero(service.pids_limit),
    cpuShares: nonZero(service.cpu_shares),
    cpuQuotaUs: convertMicroseconds(scope, name, 'cpu_quota', service.cpu_quota),
    cpuPeriodUs: convertMicroseconds(scope, name, 'cpu_period', service.cpu_period),
    cpusetCpus: convertCpuset(scope, name, service.cpuset),
    memorySwapBytes: convertSwap(scope, name, service),
    memorySwappiness: convertSwappiness(scope, name, service.mem_swappiness),
    memoryReservationBytes: convertMemory(scope, servicePath(name, 'mem_reservation'), service.mem_reservation),
    oomKillDisable: service.oom_kill_disable,
    blockIo: convertBlockIo(scope, name, service.blkio_config),
  });
  if (limits.nanoCpus !== undefined && (limits.cpuQuotaUs ?? limits.cpuPeriodUs) !== undefined) {
    problem(scope, servicePath(name, service.cpu_quota === undefined ? 'cpu_period' : 'cpu_quota'), 'it excludes a limit of CPUs', 'keep the limit of CPUs');
  }
  return block || Object.keys(limits).length > 0 ? limits : undefined;
}

function rejectDoubles(scope: Scope, name: string, { deploy, ...service }: Service): void {
  const block = deploy?.resources?.limits;
  const pairs = [['cpus', 'cpus'], ['mem_limit', 'memory'], ['pids_limit', 'pids']] as const;
  for (const [key, inBlock] of pairs) {
    if (service[key] === undefined || block?.[inBlock] === undefined) continue;
    problem(scope, servicePath(name, key), `deploy.resources.limits.${inBlock} says it as well`, `keep deploy.resources.limits.${inBlock}`);
  }
}

/** -1 is the same as no limit. */
function limited(bytes: bigint | undefined): bigint | undefined {
  return bytes === -1n ? undefined : bytes;
}

function convertMicroseconds(scope: Scope, name: string, key: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit = 'us'] = /^([0-9]+)(us|ms|s)?$/.exec(text) ?? [];
  if (number === undefined) problem(scope, servicePath(name, key), `"${text}" is not a number of microseconds`, 'it looks like 50000 or 50ms');
  return Number(number ?? 0) * { us: 1, ms: 1_000, s: 1_000_000 }[unit]! || undefined;
}

function convertCpuset(scope: Scope, name: string, text: string | undefined): string | undefined {
  if (text !== undefined && !/^[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*$/.test(text)) {
    problem(scope, servicePath(name, 'cpuset'), `"${text}" is not a list of CPUs`, 'it looks like "0-2,4"');
  }
  return text;
}

function convertSwap(scope: Scope, name: string, service: Service): number | undefined {
  const swap = toNumber(service.memswap_limit);
  if (swap === undefined || swap === -1) return swap;
  const memory = toNumber(limited(service.mem_limit) ?? service.deploy?.resources?.limits?.memory);
  if (memory === undefined) problem(scope, servicePath(name, 'memswap_limit'), 'it is memory and swap together, and there is no limit of the memory', 'set mem_limit as well');
  else if (swap < memory) problem(scope, servicePath(name, 'memswap_limit'), 'it is memory and swap together, and less than the limit of the memory alone');
  return swap;
}

function convertSwappiness(scope: Scope, name: string, value: bigint | undefined): number | undefined {
  if (value !== undefined && (value < 0n || value > 100n)) problem(scope, servicePath(name, 'mem_swappiness'), `${value} is not between 0 and 100`);
  return toNumber(value);
}

function convertBlockIo(scope: Scope, name: string, source: Service['blkio_config']): BlockIoLimits | undefined {
  if (!source) return undefined;
  const path = servicePath(name, 'blkio_config');
  const weights = [source.weight, ...(source.weight_device ?? []).map(({ weight }) => weight)];
  for (const weight of weights) {
    if (weight !== undefined && (weight < 10n || weight > 1000n)) problem(scope, path, `the weight ${weight} is not between 10 and 1000`);
  }
  return compact<BlockIoLimits>({
    weight: nonZero(source.weight),
    weightDevices: source.weight_device?.map((device) => ({ path: device.path ?? '', weight: Number(device.weight ?? 0n) })),
    readBytesPerSecond: convertRates(source.device_read_bps),
    writeBytesPerSecond: convertRates(source.device_write_bps),
    readsPerSecond: convertRates(source.device_read_iops),
    writesPerSecond: convertRates(source.device_write_iops),
  });
}

function convertRates(rates: { path?: string; rate?: bigint }[] | undefined): DeviceRate[] | undefined {
  return rates?.map(({ path = '', rate = 0n }) => ({ path, rate: Number(rate) }));
}
