import { timestamp } from '../../../../../libs/base/src/index.js';
import type { BlockIoCount, ContainerStats, NetworkCounts } from '../../../../../libs/runtime/src/runtime.js';
import { omitEmpty, type Json } from '../json-output.js';
import type { ClusterContainer } from './cluster-container.js';

/** One sample of `docker stats`; clients show the difference to `before`. */
export function statsTo(container: ClusterContainer, now: ContainerStats, before: ContainerStats | undefined): Json {
  return {
    name: `/${container.name}`,
    id: container.id,
    read: timestamp(now.readAtMs),
    preread: before ? timestamp(before.readAtMs) : '0001-01-01T00:00:00Z',
    pids_stats: omitEmpty({ current: now.pids.current, limit: now.pids.limit }),
    blkio_stats: {
      io_service_bytes_recursive: now.blockIo.bytes.map(blockIoTo),
      io_serviced_recursive: now.blockIo.operations.map(blockIoTo),
      io_queue_recursive: [],
      io_service_time_recursive: [],
      io_wait_time_recursive: [],
      io_merged_recursive: [],
      io_time_recursive: [],
      sectors_recursive: [],
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuTo(now),
    precpu_stats: before ? cpuTo(before) : emptyCpu,
    memory_stats: memoryTo(now),
    networks: Object.fromEntries(Object.entries(now.networks).map(([name, counts]) => [name, networkTo(counts)])),
  };
}

const emptyCpu = { cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 }, throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 } };

function cpuTo({ cpu }: ContainerStats): Json {
  return {
    cpu_usage: {
      total_usage: cpu.totalNs,
      ...(cpu.perCpuNs.length > 0 && { percpu_usage: cpu.perCpuNs }),
      usage_in_kernelmode: cpu.systemNs,
      usage_in_usermode: cpu.userNs,
    },
    system_cpu_usage: cpu.machineNs,
    online_cpus: cpu.onlineCpus,
    throttling_data: { periods: cpu.periods, throttled_periods: cpu.throttledPeriods, throttled_time: cpu.throttledNs },
  };
}

/** Clients subtract the inactive cache, by its name in the cgroup's version. */
function memoryTo({ memory }: ContainerStats): Json {
  return {
    usage: memory.usageBytes,
    ...(memory.maxUsageBytes > 0 && { max_usage: memory.maxUsageBytes }),
    stats: memory.details,
    ...(memory.failures > 0 && { failcnt: memory.failures }),
    limit: memory.limitBytes,
  };
}

function blockIoTo({ major, minor, operation, value }: BlockIoCount): Json {
  return { major, minor, op: operation, value };
}

function networkTo(counts: NetworkCounts): Json {
  return {
    rx_bytes: counts.receivedBytes,
    rx_packets: counts.receivedPackets,
    rx_errors: counts.receiveErrors,
    rx_dropped: counts.receiveDropped,
    tx_bytes: counts.sentBytes,
    tx_packets: counts.sentPackets,
    tx_errors: counts.sendErrors,
    tx_dropped: counts.sendDropped,
  };
}
