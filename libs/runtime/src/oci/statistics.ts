import type { CgroupCounts } from '../cgroup/stats.js';
import type { BlockIoCount } from '../runtime.js';

/** What a group counts in the shape of `runc events`, which callers of a runtime read. */
export function describeStatistics({ cpu, memory, pids, blockIo, hugepages }: CgroupCounts): object {
  const { details } = memory;
  return {
    cpu: {
      usage: { total: cpu.totalNs, percpu: cpu.perCpuNs, kernel: cpu.systemNs, user: cpu.userNs },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledNs },
    },
    memory: {
      cache: details['cache'] ?? details['file'] ?? 0,
      usage: { limit: memory.limitBytes, usage: memory.usageBytes, max: memory.maxUsageBytes, failcnt: memory.failures },
      raw: details,
    },
    pids: { current: pids.current, limit: pids.limit },
    blkio: { ioServiceBytesRecursive: blockIo.bytes.map(describeCount), ioServicedRecursive: blockIo.operations.map(describeCount) },
    hugetlb: Object.fromEntries(Object.entries(hugepages).map(([size, { usageBytes, maxUsageBytes, failures }]) => [size, { usage: usageBytes, max: maxUsageBytes, failcnt: failures }])),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function describeCount({ major, minor, operation, value }: BlockIoCount): object {
  return { major, minor, op: operation.replace(/^./, (letter) => letter.toUpperCase()), value };
}
