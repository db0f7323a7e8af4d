import { Bell, ignoreAbort, Refused, systemClock, timestamp, type Clock } from '../../base/src/index.js';
import { changeableLimitsOf, type ChangeableLimits, type ResourceLimits } from '../../model/src/index.js';
import { FakeContainerFiles } from './archive/fake-container-files.js';
import { actLikeCat, FakeAttachment, FakeSession, type FakeExec } from './fake-process.js';
import type {
  AttachOptions, ContainerExit, ContainerProcess, ContainerRequest, ContainerState, ContainerStats, ContainerStatus, ExecRequest, ExecResult, ExecSession, LogLine, LogOptions, PathChange, PathStat, ProcessStreams, Runtime,
  StartExecRequest,
} from './runtime.js';
import { signalNumber } from './signals.js';

/** What a fake container does. Everything absent: it starts, runs, and ends with 143 at SIGTERM. */
export interface FakeBehavior {
  createError?: Error;
  startError?: Error;
  /** Ends by itself that long after its start. */
  exitAfterMs?: number;
  exit?: Partial<ContainerExit>;
  /** Takes no notice of any signal but SIGKILL. */
  ignoresSignals?: boolean;
  /** May throw what a kernel refuses. */
  replaceLimits?: (limits: ChangeableLimits) => void;
  /** Answers of exec, such as health checks; absent: exit code 0. */
  exec?: (request: ExecRequest) => ExecResult | Promise<ExecResult>;
  /** What a started exec does, or an `ExecRefused` that it throws; absent: it is like `cat`. */
  startExec?: (exec: FakeExec) => void;
  /** What it does with its standard input; absent: nothing. */
  onInput?: (data: Buffer) => void;
  onInputEnd?: () => void;
}

interface FakeContainer {
  request: ContainerRequest;
  behavior: FakeBehavior;
  status: ContainerStatus;
  lines: LogLine[];
  changed: Set<Bell>;
  attached: Set<FakeAttachment>;
  sessions: Set<FakeSession>;
  cancelExit?: () => void;
}

const SIGKILL = 9;
const firstPid = 1000;

const restingStats: ContainerStats = {
  readAtMs: 0,
  cpu: { totalNs: 0, userNs: 0, systemNs: 0, perCpuNs: [], machineNs: 0, onlineCpus: 1, periods: 0, throttledPeriods: 0, throttledNs: 0 },
  memory: { usageBytes: 1 << 20, workingBytes: 1 << 20, maxUsageBytes: 1 << 20, limitBytes: 0, failures: 0, oomKills: 0, details: {}, isVersion2: true },
  pids: { current: 1, limit: 0 },
  blockIo: { bytes: [], operations: [] },
  hugepages: {},
  networks: {},
};

/** A runtime in memory, for the tests of what stands above it. Obeys the port's promises; containers do what `behave` says. */
export class FakeRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #behave: (request: ContainerRequest) => FakeBehavior;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #files = new FakeContainerFiles((id) => this.#require(id));
  readonly #oomListeners = new Set<(id: string) => void>();
  #nextPid = firstPid;
  /** Calls in order, in words: `create web.1`, `signal web.1 SIGTERM`. */
  readonly calls: string[] = [];

  constructor(options: { clock?: Clock; behave?: (request: ContainerRequest) => FakeBehavior } = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#behave = options.behave ?? (() => ({}));
  }

  /** The request that a container was made from. */
  request(id: string): ContainerRequest | undefined {
    return this.#containers.get(id)?.request;
  }

  /** Ends a running container as if its process had. */
  exit(id: string, exit: Partial<ContainerExit> = {}): void {
    const container = this.#require(id);
    if (container.status.state === 'exited') return;
    container.cancelExit?.();
    container.status = { ...container.status, state: 'exited', exit: { code: 0, oomKilled: false, exitedAtMs: this.#clock.wallMs(), ...exit } };
    for (const session of container.sessions) session.kill();
    for (const { output } of container.attached) output.end();
    ring(container);
  }

  /** Adds a line to its log. */
  print(id: string, text: string, stream: LogLine['stream'] = 'stdout'): void {
    const container = this.#require(id);
    container.lines.push({ stream, timestamp: timestamp(this.#clock.wallMs()), text });
    for (const { output } of container.attached) output.push({ stream, data: Buffer.from(`${text}\n`) });
    ring(container);
  }

  async create(request: ContainerRequest, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.calls.push(`create ${request.id}`);
    if (this.#containers.has(request.id)) throw new Refused('already-exists', `container ${request.id} exists already`);
    const behavior = this.#behave(request);
    if (behavior.createError) throw behavior.createError;
    const status: ContainerStatus = { id: request.id, state: 'created', pid: this.#nextPid++, labels: request.labels, limits: changeableLimitsOf(request.limits) };
    this.#containers.set(request.id, { request, behavior, status, lines: [], changed: new Set(), attached: new Set(), sessions: new Set() });
  }

  async start(id: string): Promise<{ pid: number }> {
    this.calls.push(`start ${id}`);
    const container = this.#require(id);
    const { behavior, status } = container;
    if (status.state !== 'created') throw new Refused('precondition', `container ${id} is ${status.state}, not created`);
    if (behavior.startError) {
      this.exit(id, { code: 127, startError: behavior.startError.message });
      throw behavior.startError;
    }
    container.status = { ...status, state: 'running' };
    if (behavior.exitAfterMs !== undefined) container.cancelExit = this.#clock.after(behavior.exitAfterMs, () => this.exit(id, behavior.exit));
    return { pid: status.pid };
  }

  async wait(id: string, signal: AbortSignal): Promise<ContainerExit> {
    const container = this.#require(id);
    const bell = new Bell();
    container.changed.add(bell);
    try {
      while (!container.status.exit) await bell.wait(signal);
      return container.status.exit;
    } finally {
      container.changed.delete(bell);
    }
  }

  async signal(id: string, signal: string): Promise<void> {
    this.calls.push(`signal ${id} ${signal}`);
    const number = signalNumber(signal);
    const container = this.#containers.get(id);
    if (!container || container.status.state === 'exited') return;
    if (container.behavior.ignoresSignals && number !== SIGKILL) return;
    this.exit(id, { code: 128 + number, signal: number, ...container.behavior.exit });
  }

  async remove(id: string, options: { keepLogs?: boolean } = {}): Promise<void> {
    this.calls.push(`remove ${id}${options.keepLogs ? ' but its logs' : ''}`);
    const container = this.#containers.get(id);
    if (!container) return;
    if (container.status.state !== 'exited') this.exit(id, { code: 128 + SIGKILL, signal: SIGKILL });
    this.#containers.delete(id);
  }

  async status(id: string): Promise<ContainerStatus | undefined> {
    return this.#containers.get(id)?.status;
  }

  async list(): Promise<ContainerStatus[]> {
    return [...this.#containers.values()].map(({ status }) => status);
  }

  async exec(id: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    signal.throwIfAborted();
    this.calls.push(`exec ${id} ${request.argv.join(' ')}`);
    const { behavior, status } = this.#require(id);
    if (status.state !== 'running') throw new Refused('precondition', `container ${id} is not running`);
    return (await behavior.exec?.(request)) ?? { exitCode: 0, output: '' };
  }

  async pause(id: string): Promise<void> {
    this.calls.push(`pause ${id}`);
    this.#change(id, 'running', 'paused');
  }

  async resume(id: string): Promise<void> {
    this.calls.push(`resume ${id}`);
    this.#change(id, 'paused', 'running');
  }

  async update(id: string, limits: ResourceLimits): Promise<void> {
    this.calls.push(`update ${id}`);
    const container = this.#require(id);
    if (container.status.state === 'exited') throw new Refused('precondition', `container ${id} has exited`);
    container.request = { ...container.request, limits: { ...container.request.limits, ...limits } };
  }

  async replaceLimits(id: string, limits: ChangeableLimits): Promise<void> {
    this.calls.push(`replace limits ${id}`);
    const container = this.#require(id);
    if (container.status.state === 'exited') throw new Refused('precondition', `container ${id} has exited`);
    container.behavior.replaceLimits?.(limits);
    container.request = { ...container.request, limits };
    container.status.limits = limits;
  }

  async startExec(id: string, request: StartExecRequest, signal: AbortSignal): Promise<ExecSession> {
    signal.throwIfAborted();
    this.calls.push(`start exec ${id} ${request.argv.join(' ')}`);
    const { behavior, status, sessions } = this.#require(id);
    if (status.state !== 'running') throw new Refused('precondition', `container ${id} is not running`);
    const session = new FakeSession(this.#nextPid++, request);
    (behavior.startExec ?? actLikeCat)(session);
    sessions.add(session);
    void session.exited.then(() => sessions.delete(session));
    signal.addEventListener('abort', () => session.close(), { once: true });
    return session;
  }

  async attach(id: string, { stdin, signal }: AttachOptions): Promise<ProcessStreams> {
    signal.throwIfAborted();
    this.calls.push(`attach ${id}`);
    const { attached, behavior, request, status } = this.#require(id);
    if (status.state === 'exited') throw new Refused('precondition', `container ${id} is not running`);
    if (stdin && !request.spec.openStdin) throw new Refused('precondition', `the standard input of container ${id} is not open`);
    const attachment = new FakeAttachment(
      stdin,
      (data) => behavior.onInput?.(data),
      () => behavior.onInputEnd?.(),
      (rows, columns) => this.resize(id, rows, columns),
      (closed) => attached.delete(closed),
    );
    attached.add(attachment);
    signal.addEventListener('abort', () => attachment.close(), { once: true });
    return attachment;
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    const { request } = this.#require(id);
    if (!request.spec.tty) throw new Refused('precondition', `container ${id} has no terminal`);
    this.calls.push(`resize ${id} ${rows} ${columns}`);
  }

  async stats(id: string): Promise<ContainerStats> {
    const { request, status } = this.#require(id);
    if (status.state === 'exited') throw new Refused('precondition', `container ${id} has exited`);
    return { ...restingStats, readAtMs: this.#clock.wallMs(), memory: { ...restingStats.memory, limitBytes: request.limits.memoryBytes ?? 0 } };
  }

  async top(id: string): Promise<ContainerProcess[]> {
    const { request, status } = this.#require(id);
    if (status.state === 'exited' || status.state === 'created') throw new Refused('precondition', `container ${id} is not running`);
    const command = (request.spec.command ?? []).join(' ');
    return [{ pid: status.pid, parentPid: 1, uid: 0, state: 'S', threads: 1, startedAtMs: 0, cpuMs: 0, residentBytes: 0, virtualBytes: 0, terminal: '', name: command, command }];
  }

  onOom(listener: (id: string) => void): () => void {
    this.#oomListeners.add(listener);
    return () => this.#oomListeners.delete(listener);
  }

  /** A process of the container is killed for lack of memory; the container itself lives on. */
  runOutOfMemory(id: string): void {
    this.#require(id);
    for (const listener of this.#oomListeners) listener(id);
  }

  async *logs(id: string, { follow, tail, sinceMs, untilMs, signal }: LogOptions): AsyncGenerator<LogLine> {
    const container = this.#containers.get(id);
    if (!container) return;
    const isInRange = ({ timestamp: at }: LogLine) => (sinceMs === undefined || Date.parse(at) >= sinceMs) && (untilMs === undefined || Date.parse(at) <= untilMs);
    const bell = new Bell();
    container.changed.add(bell);
    try {
      let at = tail === undefined ? 0 : Math.max(0, container.lines.length - tail);
      while (!signal.aborted) {
        for (; at < container.lines.length; at++) if (isInRange(container.lines[at]!)) yield container.lines[at]!;
        if (!follow || container.status.state === 'exited') return;
        await bell.wait(signal).catch(ignoreAbort(signal));
      }
    } finally {
      container.changed.delete(bell);
    }
  }

  statPath(id: string, path: string): Promise<PathStat> {
    return this.#files.statPath(id, path);
  }

  readArchive(id: string, path: string): Promise<{ stat: PathStat; tar: AsyncIterable<Buffer> }> {
    return this.#files.readArchive(id, path);
  }

  writeArchive(id: string, path: string, tar: AsyncIterable<Buffer>): Promise<void> {
    return this.#files.writeArchive(id, path, tar);
  }

  changes(id: string): Promise<PathChange[]> {
    return this.#files.changes(id);
  }

  exportRoot(id: string): Promise<AsyncIterable<Buffer>> {
    return this.#files.exportRoot(id);
  }

  writableLayer(id: string): Promise<AsyncIterable<Buffer>> {
    return this.#files.writableLayer(id);
  }

  async close(): Promise<void> {}

  #change(id: string, from: ContainerState, to: ContainerState): void {
    const container = this.#require(id);
    if (container.status.state !== from) throw new Refused('precondition', `container ${id} is ${container.status.state}, not ${from}`);
    container.status = { ...container.status, state: to };
  }

  #require(id: string): FakeContainer {
    const container = this.#containers.get(id);
    if (!container) throw new Refused('not-found', `no such container: ${id}`);
    return container;
  }
}

function ring(container: FakeContainer): void {
  for (const bell of container.changed) bell.ring();
}
