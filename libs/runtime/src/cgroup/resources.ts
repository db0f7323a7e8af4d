/**
 * The resources of one container: OCI's `linux.resources`, in our words. A value that is absent is not written; in an
 * update it stays as it is. -1 means "no limit" wherever a limit is a number.
 */
export interface CgroupResources {
  cpu?: CpuResources;
  memory?: MemoryResources;
  pids?: { /** 0 or less: none. */ limit: number };
  blockIo?: BlockIoResources;
  hugepages?: { /** As the kernel names it: `2MB`, `1GB`. */ pageSize: string; limitBytes: number }[];
  network?: { classId?: number; priorities?: { name: string; priority: number }[] };
  rdma?: Record<string, { handles?: number; objects?: number }>;
  /** Files of cgroup v2 and what to write into them. */
  unified?: Record<string, string>;
  /** In order, the last that matches counts. Absent: Docker's list. */
  devices?: readonly DeviceRule[];
}

export interface CpuResources {
  /** Relative weight, 2 to 262144. */
  shares?: number;
  quotaUs?: number;
  periodUs?: number;
  /** How much more than the quota one period may take of what earlier ones left. */
  burstUs?: number;
  realtimeRuntimeUs?: number;
  realtimePeriodUs?: number;
  /** Lists such as `0-2,4`. */
  cpus?: string;
  mems?: string;
  /** Runs only when nobody else wants to. */
  idle?: boolean;
}

export interface MemoryResources {
  limitBytes?: number;
  reservationBytes?: number;
  /** Memory and swap together. */
  swapBytes?: number;
  /** 0 to 100; cgroup v1 only. */
  swappiness?: number;
  /** Processes wait instead of being killed; cgroup v1 only. */
  disableOomKiller?: boolean;
  /** Refuse a limit below what is used now. */
  checkBeforeUpdate?: boolean;
}

export interface BlockIoResources {
  /** 10 to 1000. */
  weight?: number;
  leafWeight?: number;
  weightDevices?: { major: number; minor: number; weight?: number; leafWeight?: number }[];
  readBytesPerSecond?: DeviceLimit[];
  writeBytesPerSecond?: DeviceLimit[];
  readsPerSecond?: DeviceLimit[];
  writesPerSecond?: DeviceLimit[];
}

export interface DeviceLimit {
  major: number;
  minor: number;
  rate: number;
}

export interface DeviceRule {
  allow: boolean;
  /** `a`: both, and then the rule is about every device and every access. */
  type: 'a' | 'b' | 'c';
  /** Absent: any. */
  major?: number;
  minor?: number;
  /** Of `r`, `w`, `m` (mknod). */
  access: string;
}
