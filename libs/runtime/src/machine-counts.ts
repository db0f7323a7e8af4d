import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { readText } from './cgroup/files.js';
import type { ContainerStats, NetworkCounts } from './runtime.js';

const nsPerTick = 1e7;
/** user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in `user` already. */
const countedColumns = 8;

/** What the statistics of a container are compared with. */
export function machineCpu(): Pick<ContainerStats['cpu'], 'machineNs' | 'onlineCpus'> {
  const lines = readFileSync('/proc/stat', 'utf8').split('\n');
  const ticks = (lines[0] ?? '').split(/\s+/).slice(1, 1 + countedColumns).map(Number);
  const onlineCpus = lines.filter((line) => /^cpu\d/.test(line)).length;
  return { machineNs: ticks.reduce((sum, value) => sum + value, 0) * nsPerTick, onlineCpus: onlineCpus || availableParallelism() };
}

export function machineMemoryBytes(): number {
  return totalmem();
}

/** Interfaces of the network namespace that a process is in; none when it has ended meanwhile. */
export function networkCounts(pid: number): Record<string, NetworkCounts> {
  return parseNetworkCounts(readText(`/proc/${pid}/net/dev`));
}

/** /proc/<pid>/net/dev, without the loopback. */
export function parseNetworkCounts(text: string): Record<string, NetworkCounts> {
  const interfaces = text.split('\n').flatMap((line): [string, NetworkCounts][] => {
    const [, name, rest] = /^\s*([^:\s]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') return [];
    const n = rest!.trim().split(/\s+/).map(Number);
    const at = (index: number) => n[index] ?? 0;
    return [[name, { receivedBytes: at(0), receivedPackets: at(1), receiveErrors: at(2), receiveDropped: at(3), sentBytes: at(8), sentPackets: at(9), sendErrors: at(10), sendDropped: at(11) }]];
  });
  return Object.fromEntries(interfaces);
}
