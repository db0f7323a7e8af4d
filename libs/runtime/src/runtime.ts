import type { ContainerSpec, ResourceLimits } from '../../model/src/index.js';

/** Everything that one container is made from. Paths are the host's. */
export interface ContainerRequest {
  id: string;
  /** `service.slot.task`, for people. */
  name: string;
  spec: ContainerSpec;
  limits: ResourceLimits;
  image: ContainerImage;
  /** Hostname inside. */
  hostname: string;
  /** Network namespace to join: its own, another container's, or the host's. `spec.networkMode` says which of them it is. */
  netnsPath: string;
  /** Ids of the containers whose namespaces it shares, where `spec.pidMode` or `spec.ipcMode` names a service or a container. */
  joins?: { pid?: string; ipc?: string };
  nameservers: string[];
  searchDomains: string[];
  resolvOptions: string[];
  /** Lines `address name…` for /etc/hosts after the standard ones. */
  hostLines: string[];
  /** Secrets and configs: become files in memory. */
  files: MountedFile[];
  /** Container labels, for people and for adoption. */
  labels: Record<string, string>;
  log: { maxSizeBytes: number; maxFiles: number };
}

/** The part of an image that a container needs (the shape of `libs/image`'s config, kept apart: effects do not import each other). */
export interface ContainerImage {
  /** Topmost first, the order of overlayfs' `lowerdir`. (An image lists its layers from the bottom.) */
  layerDirs: string[];
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workingDir: string;
  user: string;
  volumes: string[];
}

export interface MountedFile {
  /** Absolute path in the container. */
  target: string;
  data: Buffer;
  uid: number;
  gid: number;
  mode: number;
}

export type ContainerState = 'creating' | 'created' | 'running' | 'exited';

export interface ContainerExit {
  /** Exit code as Docker gives it: 128 + signal for a signal. */
  code: number;
  signal?: number;
  oomKilled: boolean;
  /** Why it could not even start. */
  startError?: string;
  exitedAtMs: number;
}

export interface ContainerStatus {
  id: string;
  state: ContainerState;
  pid: number;
  exit?: ContainerExit;
  labels: Record<string, string>;
}

export interface ContainerStats {
  cpuUsageNs: number;
  memoryBytes: number;
  memoryLimitBytes: number;
  pids: number;
  throttledPeriods: number;
  oomKills: number;
}

export interface ExecRequest {
  argv: string[];
  env?: string[];
  user?: string;
  workingDir?: string;
  timeoutMs: number;
  /** Output beyond it is cut. */
  maxOutputBytes: number;
}

export interface ExecResult {
  /** -1: killed at the timeout. */
  exitCode: number;
  output: string;
}

export interface LogOptions {
  follow: boolean;
  /** Last lines only; absent: all. */
  tail?: number;
  sinceMs?: number;
  untilMs?: number;
  signal: AbortSignal;
}

export interface LogLine {
  stream: 'stdout' | 'stderr';
  timestamp: string; // RFC 3339 with nanoseconds
  text: string; // without its line feed
}

/** Containers of one node. They live on when the process that holds this object dies. */
export interface Runtime {
  /** Builds the container up to, not including, the start of its process. Throws `Refused` with the cause in words; leaves nothing behind then. */
  create(request: ContainerRequest, signal: AbortSignal): Promise<void>;
  /** Starts the process. Throws `Refused` when it cannot be executed (no such file, no permission). */
  start(id: string): Promise<{ pid: number }>;
  /** Resolves when the process has exited and its output is in the log. */
  wait(id: string, signal: AbortSignal): Promise<ContainerExit>;
  /** Sends a signal to the container's first process. Succeeds when it is already gone. */
  signal(id: string, signal: string): Promise<void>;
  /** Kills whatever is left of it and removes every trace but the log folder, which goes with `removeLogs`. Idempotent. */
  remove(id: string, options?: { keepLogs?: boolean }): Promise<void>;
  status(id: string): Promise<ContainerStatus | undefined>;
  /** Every container that exists here, found on disk and verified: what an agent adopts. */
  list(): Promise<ContainerStatus[]>;
  exec(id: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  stats(id: string): Promise<ContainerStats>;
  logs(id: string, options: LogOptions): AsyncIterable<LogLine>;
  /** Lets go of all containers without touching them. */
  close(): Promise<void>;
}
