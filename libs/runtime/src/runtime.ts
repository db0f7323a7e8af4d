import { Refused } from '../../base/src/index.js';
import type { ChangeableLimits, ContainerSpec, ResourceLimits } from '../../model/src/index.js';
import type { ContainerFiles } from './archive/container-files.js';

export type { ContainerFiles, PathChange, PathStat, WriteArchiveOptions } from './archive/container-files.js';

/** Everything that one container is made from. Paths are the host's. */
export interface ContainerRequest {
  id: string;
  /** `service.slot.task`, for people. */
  name: string;
  /** Its namespace modes name containers of this node by their ids, and no services. */
  spec: ContainerSpec;
  limits: ResourceLimits;
  image: ContainerImage;
  /** Hostname inside. */
  hostname: string;
  /** Network namespace to join: its own, another container's, or the host's. `spec.networkMode` says which of them it is. */
  netnsPath: string;
  nameservers: string[];
  searchDomains: string[];
  resolvOptions: string[];
  /** Lines `address name…` for /etc/hosts after the standard ones. */
  hostLines: string[];
  /** Secrets and configs: become files in memory. */
  files: MountedFile[];
  /** Container labels, for people and for adoption. */
  labels: Record<string, string>;
  /** Log driver and its options, as Docker names them. */
  log: { driver: string; options: Readonly<Record<string, string>> };
  /** Standard input, when it is open, ends with the first attached client that writes to it. */
  stdinOnce?: boolean;
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

export type ContainerState = 'creating' | 'created' | 'running' | 'paused' | 'exited';

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
  /** As `create` or `replaceLimits` gave them last; absent: not known. */
  limits?: ChangeableLimits;
}

/** What a container has used and is using, as the kernel counts it. What a controller is missing for is 0 or empty. */
export interface ContainerStats {
  readAtMs: number;
  cpu: {
    totalNs: number;
    userNs: number;
    systemNs: number;
    /** One number per processor; cgroup v1 only. */
    perCpuNs: number[];
    /** What all processors of the machine were busy and idle since its boot. */
    machineNs: number;
    onlineCpus: number;
    periods: number;
    throttledPeriods: number;
    throttledNs: number;
  };
  memory: {
    /** With the page cache, which would go first. */
    usageBytes: number;
    /** What Docker's CLI shows: usage without the cache that nobody used for a while. */
    workingBytes: number;
    maxUsageBytes: number;
    /** The machine's memory when the container has no limit. */
    limitBytes: number;
    /** How often the limit was hit. */
    failures: number;
    oomKills: number;
    /** Every line of `memory.stat`, by the kernel's names: they differ between cgroup v1 and v2. */
    details: Record<string, number>;
    isVersion2: boolean;
  };
  /** `limit` is 0 when there is none. */
  pids: { current: number; limit: number };
  blockIo: { bytes: BlockIoCount[]; operations: BlockIoCount[] };
  /** By page size, `2MB`. */
  hugepages: Record<string, { usageBytes: number; maxUsageBytes: number; failures: number }>;
  /** By interface of its network namespace. */
  networks: Record<string, NetworkCounts>;
}

export interface BlockIoCount {
  major: number;
  minor: number;
  operation: 'read' | 'write' | 'sync' | 'async' | 'discard' | 'total';
  value: number;
}

export interface NetworkCounts {
  receivedBytes: number;
  receivedPackets: number;
  receiveErrors: number;
  receiveDropped: number;
  sentBytes: number;
  sentPackets: number;
  sendErrors: number;
  sendDropped: number;
}

/** One process of a container, as the host sees it: the columns of `ps -ef`. */
export interface ContainerProcess {
  pid: number;
  parentPid: number;
  uid: number;
  /** One letter, as in /proc/<pid>/stat. */
  state: string;
  threads: number;
  startedAtMs: number;
  cpuMs: number;
  residentBytes: number;
  virtualBytes: number;
  /** `pts/0`; empty: none. */
  terminal: string;
  /** Name of the program, at most 15 bytes. */
  name: string;
  /** Arguments, joined by blanks; the name in brackets when it has none. */
  command: string;
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

/** A piece of what a process wrote. */
export interface OutputChunk {
  /** With a terminal everything is `stdout`. */
  stream: 'stdout' | 'stderr';
  data: Buffer;
  /** Bytes that were dropped here, because this reader was too slow; `data` is empty then. Only an attached reader can lose any. */
  lostBytes?: number;
}

/** What goes in and out of a process, for as long as somebody listens. */
export interface ProcessStreams {
  /** To be iterated once. Ends when the process has ended and all of its output was given, or after `close`. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when more may follow. Refused where there is no standard input. What comes after the end of the process is dropped. */
  write(data: Buffer): Promise<void>;
  /** No more input from here. A terminal has no end of its input: there it changes nothing. */
  closeInput(): Promise<void>;
  /** Size of the terminal in characters. Refused without one. */
  resize(rows: number, columns: number): Promise<void>;
  /** Hangs up. The process goes on; its output is dropped from here on. */
  close(): void;
}

export interface AttachOptions {
  /** Also writes to its standard input, which must be open (`openStdin`). */
  stdin: boolean;
  /** Aborted: hangs up, as `close` does. */
  signal: AbortSignal;
}

export interface StartExecRequest {
  argv: string[];
  /** Added to the container's own. */
  env?: string[];
  user?: string;
  workingDir?: string;
  /** A pseudo terminal as its standard streams. */
  terminal: boolean;
  /** Otherwise its standard input is /dev/null (with a terminal: nobody types). */
  openStdin: boolean;
  /** With all capabilities that this machine can give. */
  privileged: boolean;
  /** First size of the terminal. */
  rows?: number;
  columns?: number;
}

/**
 * One more process in a container. It ends with the container, but not with its reader: after `close`, or the end of the
 * process that holds this object, it goes on and its output is dropped, as Docker does.
 */
export interface ExecSession extends ProcessStreams {
  /** The host's number. */
  readonly pid: number;
  /** Sends a signal to it. Succeeds when it is already gone. */
  signal(signal: string): Promise<void>;
  /** Resolves at its end, when all output has been taken over. Rejects with `Temporary` when nobody knows any more. */
  readonly exited: Promise<{ exitCode: number }>;
}

/** An exec that could not be started, with the exit code that Docker gives it: 127 not found, 126 anything else. */
export class ExecRefused extends Refused {
  constructor(
    readonly exitCode: number,
    message: string,
  ) {
    super('invalid', message);
  }
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
export interface Runtime extends ContainerFiles {
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
  /** Runs a process to its end, such as a health check. It ends at the timeout, with `signal`, and with the process that asked. */
  exec(id: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  /**
   * Starts one more process in a running container; resolves when it runs. Refused in a paused or ended container; throws
   * `ExecRefused` when it cannot be executed. `signal` aborted: hangs up, as `close` does.
   */
  startExec(id: string, request: StartExecRequest, signal: AbortSignal): Promise<ExecSession>;
  /** Live output from now on. Many may listen at once; who listens slowly loses output and never holds up the container. */
  attach(id: string, options: AttachOptions): Promise<ProcessStreams>;
  /** Size of the container's own terminal. Refused when it has none. */
  resize(id: string, rows: number, columns: number): Promise<void>;
  /** Stops all of its processes where they are. Throws `Refused` unless it is running. */
  pause(id: string): Promise<void>;
  /** Lets them go on. Throws `Refused` unless it is paused. */
  resume(id: string): Promise<void>;
  /** Changes the given limits of a container that has not exited, the others stay. All of them, or none and `Refused`. */
  update(id: string, limits: ResourceLimits): Promise<void>;

  /** Gives a container that has not exited these limits; those that are absent are taken away. All of it, or nothing and `Refused`. */
  replaceLimits(id: string, limits: ChangeableLimits): Promise<void>;
  /** Throws `Refused` when it has exited. */
  stats(id: string): Promise<ContainerStats>;
  /** Its processes, by pid; those of execs are among them. Throws `Refused` when none can be. */
  top(id: string): Promise<ContainerProcess[]>;
  /** Calls when the kernel has killed a process of a container for lack of memory, whether the container ends of it or not. Returns the end of it. */
  onOom(listener: (id: string) => void): () => void;
  logs(id: string, options: LogOptions): AsyncIterable<LogLine>;
  /** Lets go of all containers without touching them. */
  close(): Promise<void>;
}
