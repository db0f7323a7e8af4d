import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BlockIoCount, ContainerStats } from '../runtime.js';
import { treeOf, type CgroupController, type CgroupLayout, type CgroupTree } from './layout.js';
import { keyedNumbers, limitNumber, readText } from './files.js';

/** What the groups of a container count, without what the machine has to be asked for. */
export type CgroupCounts = Pick<ContainerStats, 'memory' | 'pids' | 'blockIo' | 'hugepages'> & { cpu: Omit<ContainerStats['cpu'], 'machineNs' | 'onlineCpus'> };

export function readCgroupStats(layout: CgroupLayout, groupIn: (tree: CgroupTree) => string): CgroupCounts {
  const group = (controller: CgroupController): Group | undefined => {
    const tree = treeOf(layout, controller);
    return tree && { version: tree.version, read: (file) => readText(join(groupIn(tree), file)), directory: groupIn(tree) };
  };
  return {
    cpu: { ...cpuUsage(group('cpuacct')), ...throttling(group('cpu')) },
    memory: memory(group('memory')),
    pids: pids(group('pids')),
    blockIo: blockIo(group('blkio')),
    hugepages: hugepages(group('hugetlb')),
  };
}

interface Group {
  version: 1 | 2;
  directory: string;
  read(file: string): string;
}

const nsPerTick = 1e7;
const nsPerUs = 1000;

function cpuUsage(group: Group | undefined) {
  if (!group) return { totalNs: 0, userNs: 0, systemNs: 0, perCpuNs: [] };
  if (group.version === 2) {
    const { usage_usec = 0, user_usec = 0, system_usec = 0 } = keyedNumbers(group.read('cpu.stat'));
    return { totalNs: usage_usec * nsPerUs, userNs: user_usec * nsPerUs, systemNs: system_usec * nsPerUs, perCpuNs: [] };
  }
  const { user = 0, system = 0 } = keyedNumbers(group.read('cpuacct.stat'));
  const perCpuNs = group.read('cpuacct.usage_percpu').split(' ').filter(Boolean).map(Number);
  return { totalNs: Number(group.read('cpuacct.usage')), userNs: user * nsPerTick, systemNs: system * nsPerTick, perCpuNs };
}

function throttling(group: Group | undefined) {
  const { nr_periods = 0, nr_throttled = 0, throttled_time = 0, throttled_usec = 0 } = keyedNumbers(group?.read('cpu.stat') ?? '');
  return { periods: nr_periods, throttledPeriods: nr_throttled, throttledNs: group?.version === 2 ? throttled_usec * nsPerUs : throttled_time };
}

function memory(group: Group | undefined): ContainerStats['memory'] {
  if (!group) return { usageBytes: 0, workingBytes: 0, maxUsageBytes: 0, limitBytes: 0, failures: 0, oomKills: 0, details: {}, isVersion2: false };
  return group.version === 2 ? memoryOfVersion2(group) : memoryOfVersion1(group);
}

function memoryOfVersion1(group: Group): ContainerStats['memory'] {
  const details = keyedNumbers(group.read('memory.stat'));
  const usageBytes = Number(group.read('memory.usage_in_bytes'));
  return {
    usageBytes,
    workingBytes: Math.max(0, usageBytes - (details['total_inactive_file'] ?? 0)),
    maxUsageBytes: Number(group.read('memory.max_usage_in_bytes')),
    limitBytes: limitNumber(group.read('memory.limit_in_bytes')) ?? 0,
    failures: Number(group.read('memory.failcnt')),
    oomKills: keyedNumbers(group.read('memory.oom_control'))['oom_kill'] ?? 0,
    details,
    isVersion2: false,
  };
}

function memoryOfVersion2(group: Group): ContainerStats['memory'] {
  const details = keyedNumbers(group.read('memory.stat'));
  const events = keyedNumbers(group.read('memory.events'));
  const usageBytes = Number(group.read('memory.current'));
  return {
    usageBytes,
    workingBytes: Math.max(0, usageBytes - (details['inactive_file'] ?? 0)),
    maxUsageBytes: Number(group.read('memory.peak')), // absent before Linux 5.19: 0
    limitBytes: limitNumber(group.read('memory.max')) ?? 0,
    failures: events['max'] ?? 0,
    oomKills: events['oom_kill'] ?? 0,
    details,
    isVersion2: true,
  };
}

function pids(group: Group | undefined): ContainerStats['pids'] {
  return group ? { current: Number(group.read('pids.current')), limit: limitNumber(group.read('pids.max')) ?? 0 } : { current: 0, limit: 0 };
}

function blockIo(group: Group | undefined): ContainerStats['blockIo'] {
  if (!group) return { bytes: [], operations: [] };
  if (group.version === 2) return blockIoOfVersion2(group.read('io.stat'));
  return {
    bytes: parseBlkio(group.read('blkio.throttle.io_service_bytes_recursive')),
    operations: parseBlkio(group.read('blkio.throttle.io_serviced_recursive')),
  };
}

/** Lines `8:0 Read 4096`, and a last one with the sum. */
export function parseBlkio(text: string): BlockIoCount[] {
  return text.split('\n').flatMap((line) => {
    const [, major, minor, operation, value] = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line) ?? [];
    return value === undefined ? [] : [{ major: Number(major), minor: Number(minor), operation: operation!.toLowerCase() as BlockIoCount['operation'], value: Number(value) }];
  });
}

const ioStatKeys = [
  ['rbytes', 'bytes', 'read'], ['wbytes', 'bytes', 'write'], ['dbytes', 'bytes', 'discard'],
  ['rios', 'operations', 'read'], ['wios', 'operations', 'write'], ['dios', 'operations', 'discard'],
] as const;

/** Lines `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
export function blockIoOfVersion2(text: string): ContainerStats['blockIo'] {
  const counts: ContainerStats['blockIo'] = { bytes: [], operations: [] };
  for (const line of text.split('\n')) {
    const [device = '', ...pairs] = line.split(' ');
    const [major, minor] = device.split(':').map(Number);
    const values = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
    for (const [key, list, operation] of ioStatKeys) {
      if (major !== undefined && minor !== undefined && values.has(key)) counts[list].push({ major, minor, operation, value: Number(values.get(key)) });
    }
  }
  return counts;
}

function hugepages(group: Group | undefined): ContainerStats['hugepages'] {
  if (!group) return {};
  const suffix = group.version === 2 ? 'current' : 'usage_in_bytes';
  const sizes = readdirSync(group.directory).flatMap((file) => (/^hugetlb\.(\w+)\./.exec(file) && file.endsWith(`.${suffix}`) && !file.includes('.rsvd.') ? [file.split('.')[1]!] : []));
  return Object.fromEntries(sizes.map((size) => [size, group.version === 2 ? hugepagesOfVersion2(group, size) : hugepagesOfVersion1(group, size)]));
}

function hugepagesOfVersion1(group: Group, size: string) {
  return {
    usageBytes: Number(group.read(`hugetlb.${size}.usage_in_bytes`)),
    maxUsageBytes: Number(group.read(`hugetlb.${size}.max_usage_in_bytes`)),
    failures: Number(group.read(`hugetlb.${size}.failcnt`)),
  };
}

function hugepagesOfVersion2(group: Group, size: string) {
  return { usageBytes: Number(group.read(`hugetlb.${size}.current`)), maxUsageBytes: 0, failures: keyedNumbers(group.read(`hugetlb.${size}.events`))['max'] ?? 0 };
}
