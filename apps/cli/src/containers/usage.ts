/** What `GET /containers/{id}/stats` says, as far as it is shown. */
export interface Sample {
  id: string;
  name: string;
  cpu_stats: CpuSample;
  precpu_stats: CpuSample;
  memory_stats: { usage?: number; limit?: number; stats?: Record<string, number> };
  pids_stats?: { current?: number };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
  blkio_stats?: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
}

interface CpuSample {
  cpu_usage: { total_usage: number };
  system_cpu_usage?: number;
  online_cpus?: number;
}

/** One line of `shoal stats`. */
export interface Usage {
  /** Of one processor: 200 is two of them. */
  cpuPercent: number;
  memoryBytes: number;
  memoryLimitBytes: number;
  receivedBytes: number;
  sentBytes: number;
  readBytes: number;
  writtenBytes: number;
  processes: number;
}

/** As docker counts it: cpu between two samples, memory without the cache that would go first. */
export function usageOf(sample: Sample): Usage {
  const { usage = 0, limit = 0, stats = {} } = sample.memory_stats;
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0;
  const networks = Object.values(sample.networks ?? {});
  const blocks = sample.blkio_stats?.io_service_bytes_recursive ?? [];
  const bytes = (operation: string) => blocks.filter(({ op }) => op.toLowerCase() === operation).reduce((sum, { value }) => sum + value, 0);
  return {
    cpuPercent: cpuPercent(sample),
    memoryBytes: cache < usage ? usage - cache : usage,
    memoryLimitBytes: limit,
    receivedBytes: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    sentBytes: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    readBytes: bytes('read'),
    writtenBytes: bytes('write'),
    processes: sample.pids_stats?.current ?? 0,
  };
}

function cpuPercent({ cpu_stats: now, precpu_stats: before }: Sample): number {
  const container = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const machine = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  // The first sample of a stream has none before it.
  if (before.system_cpu_usage === undefined || container <= 0 || machine <= 0) return 0;
  return (container / machine) * (now.online_cpus ?? 1) * 100;
}
