import type { Dependency } from './dependencies.js';
import type { IsolationSpec } from './isolation.js';

/** What a user asks for: services and everything a task template can say. Never written by the system. */

export type Labels = Record<string, string>;

/** The label that ties an object to its stack: Docker's own, so that both CLIs see the same stacks. */
export const stackLabel = 'com.docker.stack.namespace';
/** What the stack file calls the image, while the service may carry its digest. */
export const stackImageLabel = 'com.docker.stack.image';

export interface ServiceSpec {
  name: string;
  labels: Labels;
  template: TaskTemplate;
  mode: ServiceMode;
  update?: UpdateConfig;
  rollback?: UpdateConfig;
  endpoint?: EndpointSpec;
  /** `depends_on`: waited for before the first tasks, and before those of another version. A change of it restarts nothing. */
  dependsOn?: Dependency[];
}

export type ServiceMode =
  | { kind: 'replicated'; replicas?: number } // absent: 1
  | { kind: 'global' }
  | { kind: 'replicated-job'; maxConcurrent?: number; totalCompletions?: number }
  | { kind: 'global-job' };

/** Everything about one task that does not depend on its slot or node. A change of it makes new tasks, but for that of `restart`. */
export interface TaskTemplate {
  container: ContainerSpec;
  resources?: { limits?: ResourceLimits; reservations?: ResourceReservations };
  restart?: RestartPolicy;
  placement?: Placement;
  networks: NetworkAttachmentSpec[];
  logDriver?: { name?: string; options: Record<string, string> };
  /** Grows with every `service update --force`: a change with no other difference. */
  forceUpdate: number;
  runtime?: string;
}

export interface ContainerSpec extends IsolationSpec {
  image: string;
  labels: Labels;
  /** Replaces the image's ENTRYPOINT (Docker's `ContainerSpec.Command`). */
  command?: string[];
  /** Replaces the image's CMD (Docker's `ContainerSpec.Args`). */
  args?: string[];
  hostname?: string;
  /** `KEY=value`, or `KEY` alone to unset it. */
  env: string[];
  dir?: string;
  user?: string;
  groups?: string[];
  tty?: boolean;
  openStdin?: boolean;
  readOnly?: boolean;
  stopSignal?: string;
  stopGraceNs?: number;
  init?: boolean;
  isolation?: string;
  healthcheck?: Healthcheck;
  /** `IP name` lines for /etc/hosts. */
  hosts: string[];
  dns?: { nameservers: string[]; search: string[]; options: string[] };
  secrets: FileReference[];
  configs: FileReference[];
  mounts: Mount[];
  capabilityAdd: string[];
  capabilityDrop: string[];
  sysctls: Record<string, string>;
  ulimits: { name: string; soft: number; hard: number }[];
  oomScoreAdj?: number;
  /** Of Docker's Privileges what is not among the `securityOptions`; others than `noNewPrivileges` are kept as given. */
  privileges?: { noNewPrivileges?: boolean; [key: string]: unknown };
}

/** Durations in nanoseconds, as in Docker's API; absent values take Docker's defaults. */
export interface Healthcheck {
  /** `['NONE']`, `['CMD', ...argv]`, `['CMD-SHELL', line]`; empty: the image's. */
  test: string[];
  intervalNs?: number;
  timeoutNs?: number;
  startPeriodNs?: number;
  startIntervalNs?: number;
  retries?: number;
}

/** A secret or config as a file in the container. */
export interface FileReference {
  /** Id of the secret or config; empty until the reference is resolved by name. */
  id: string;
  name: string;
  /** Absent: the config is used by the runtime (a credential spec) and not mounted. */
  file?: { name: string; uid: string; gid: string; mode: number };
}

export type Mount =
  | { type: 'bind'; source: string; target: string; readOnly?: boolean; propagation?: string; nonRecursive?: boolean; consistency?: string; createMountpoint?: boolean; readOnlyNonRecursive?: boolean; readOnlyForceRecursive?: boolean }
  | {
      type: 'volume';
      /** Empty: anonymous, one per task. */
      source: string;
      target: string;
      readOnly?: boolean;
      noCopy?: boolean;
      subpath?: string;
      labels?: Labels;
      driver?: { name?: string; options: Record<string, string> };
    }
  | { type: 'tmpfs'; target: string; readOnly?: boolean; sizeBytes?: number; mode?: number; /** As for mount(8): `exec`, `uid=1000`; after the defaults. */ options?: string[] }
  | { type: 'npipe' | 'cluster' | 'image'; source: string; target: string; readOnly?: boolean };

/** What a container may use at most, and how it ranks among others when there is too little. Absent: the kernel's default. */
export interface ResourceLimits {
  /** Shorthand for a quota over Docker's period; excludes `cpuQuotaUs` and `cpuPeriodUs`. */
  nanoCpus?: number;
  memoryBytes?: number;
  /** 0 or less: no limit. */
  pids?: number;
  /** Relative weight, 2 to 262144; the kernel's default is 1024. */
  cpuShares?: number;
  cpuQuotaUs?: number;
  cpuPeriodUs?: number;
  /** Of a period, for real-time processes; cgroup v1 only. */
  cpuRealtimeRuntimeUs?: number;
  cpuRealtimePeriodUs?: number;
  /** Lists such as `0-2,4`. */
  cpusetCpus?: string;
  cpusetMems?: string;
  /** Memory and swap together, as in Docker; -1: no limit. Absent with a memory limit: twice the memory. */
  memorySwapBytes?: number;
  /** 0 to 100; cgroup v1 only. */
  memorySwappiness?: number;
  /** What the kernel tries to leave to the container. */
  memoryReservationBytes?: number;
  /** Its processes wait instead of being killed; cgroup v1 only. */
  oomKillDisable?: boolean;
  blockIo?: BlockIoLimits;
}

/** Limits of block devices. A device is a path of the node, such as `/dev/sda`. */
export interface BlockIoLimits {
  /** Relative weight, 10 to 1000. */
  weight?: number;
  weightDevices?: { path: string; weight: number }[];
  readBytesPerSecond?: DeviceRate[];
  writeBytesPerSecond?: DeviceRate[];
  readsPerSecond?: DeviceRate[];
  writesPerSecond?: DeviceRate[];
}

export interface DeviceRate {
  path: string;
  rate: number;
}

export interface ResourceReservations {
  nanoCpus?: number;
  memoryBytes?: number;
  generic?: GenericResource[];
}

/** A countable (`value`) or named (`id`) resource of a node, such as a GPU. */
export type GenericResource = { kind: string; value: number } | { kind: string; id: string };

export interface RestartPolicy {
  condition?: 'none' | 'on-failure' | 'any'; // absent: any
  delayNs?: number; // absent: 5 s
  maxAttempts?: number; // 0 or absent: no limit
  windowNs?: number; // absent: attempts are counted for ever
}

export interface Placement {
  /** `node.labels.disk==ssd`, as the user wrote them. */
  constraints: string[];
  /** Spread over the values of each descriptor, in order. */
  preferences: { spread: string }[];
  /** 0 or absent: no limit. */
  maxReplicas?: number;
  /** Empty: any. */
  platforms: { architecture?: string; os?: string }[];
}

export interface NetworkAttachmentSpec {
  /** Id or name of the network as given; an id once the service was admitted. */
  target: string;
  aliases: string[];
  /** `ipv4_address` and `ipv6_address`: the only ones that a task may have there. Absent: any. */
  addresses?: string[];
  /** Of the task's interface there. Absent: made from its address. */
  macAddress?: string;
  /** The highest one has the default route and is the first interface; of equals the first. Absent: 0. */
  priority?: number;
  driverOpts?: Record<string, string>;
}

export interface UpdateConfig {
  parallelism: number; // 0: all at once
  delayNs?: number;
  failureAction?: 'pause' | 'continue' | 'rollback';
  monitorNs?: number;
  maxFailureRatio?: number;
  order?: 'stop-first' | 'start-first';
}

export interface EndpointSpec {
  mode?: 'vip' | 'dnsrr';
  ports: PortConfig[];
}

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface PortConfig {
  name?: string;
  protocol?: Protocol; // absent: tcp
  targetPort: number;
  /** 0 or absent: one is chosen (30000–32767). */
  publishedPort?: number;
  publishMode?: 'ingress' | 'host'; // absent: ingress
}

/** Docker refuses less: one thousandth of a CPU, and 4 MiB. */
export const smallestResources = { nanoCpus: 1e6, memoryBytes: 4 * 1024 * 1024 } as const;

export const defaults = {
  replicas: 1,
  restartDelayNs: 5e9,
  updateMonitorNs: 5e9,
  stopGraceNs: 10e9,
  healthIntervalNs: 30e9,
  healthTimeoutNs: 30e9,
  healthStartIntervalNs: 5e9,
  healthRetries: 3,
} as const;
