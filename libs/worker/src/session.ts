import { backoffDelayMs, describeError, type Clock, type Random, type Trace } from '../../base/src/index.js';
import type { FromAgent, FromManager, Hello, StreamRequest } from '../../model/src/index.js';
import type { Worker } from './worker.js';

/** A connection to a manager: an edge, or a simulation, stands behind it. */
export interface ManagerLink {
  send(word: FromAgent): void;
  /** Begins or ends a stream beside this one. What is open ends with the link. */
  serve(request: StreamRequest): void;
  /** Resolves when the manager ended it; rejects when it broke. */
  readonly ended: Promise<void>;
  /** Lets go of it at once. */
  close(): void;
}

/** Begins to connect; what is sent before the connection stands is sent then. */
export type Connect = (manager: string, received: (word: FromManager) => void) => ManagerLink;

export interface SessionOptions {
  worker: Worker;
  connect: Connect;
  /** Addresses of managers, to be tried in turn. */
  managers: readonly string[];
  /** What the agent says of itself. */
  self: Omit<Hello, 'instanceId' | 'epochSeen' | 'encryptionKeys'>;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  trace: Trace<SessionEvent>;
}

export type SessionEvent =
  | { event: 'session-started'; manager: string }
  | { event: 'session-lost'; manager: string; error: string; retryMs: number }
  | { event: 'stale-manager-ignored'; epoch: number; epochSeen: number };

const reconnect = { firstMs: 100, maxMs: 8_000 };
const defaultHeartbeatPeriodMs = 5_000;
const statusRestMsPerReport = 2;
const maxStatusRestMs = 200;

/** Keeps one session with some manager open until the signal is aborted; between sessions it tries the next one. */
export async function keepSession(options: SessionOptions): Promise<void> {
  const { managers, clock, random, signal, trace } = options;
  const instanceId = random.id();
  for (let attempt = 0; !signal.aborted; attempt++) {
    const manager = managers[attempt % managers.length]!;
    const startedMs = clock.monotonicMs();
    let error: unknown;
    try {
      await new Session(options, manager, instanceId).run();
    } catch (caught) {
      error = caught;
    }
    if (signal.aborted) return;
    if (clock.monotonicMs() - startedMs > reconnect.maxMs) attempt = 0;
    const delayMs = backoffDelayMs(attempt, reconnect) / 2;
    const retryMs = Math.round(delayMs + random.below(delayMs));
    trace({ event: 'session-lost', manager, error: describeError(error ?? 'the manager ended it'), retryMs });
    await clock.sleep(retryMs, signal).catch(() => undefined);
  }
}

/**
 * One connection to one manager. States: hello sent → welcomed → obeying.
 *
 * 1. Assignments are obeyed in the order they arrive, each stored before the next is looked at.
 * 2. A word of a lower epoch than one already obeyed is ignored.
 * 3. Statuses are sent when they change; those of one moment go together.
 */
class Session {
  #link!: ManagerLink;
  #obeying: Promise<void> = Promise.resolve();
  readonly #ended = new AbortController();

  constructor(
    private readonly options: SessionOptions,
    private readonly manager: string,
    private readonly instanceId: string,
  ) {}

  async run(): Promise<void> {
    const { signal, connect } = this.options;
    const failure = new Promise<never>((_, reject) => {
      this.#link = connect(this.manager, (word) => this.#receive(word, reject));
    });
    const onAbort = () => this.#link.close();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      this.#hello();
      await Promise.race([this.#link.ended, failure]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#ended.abort(new Error('the session has ended'));
      this.#link.close();
    }
  }

  #hello(): void {
    const { worker, self } = this.options;
    this.#link.send({ kind: 'hello', hello: { ...self, instanceId: this.instanceId, epochSeen: worker.epoch, encryptionKeys: worker.encryptionKeys } });
    this.#link.send({ kind: 'statuses', reports: worker.reporter.inventory(), full: true });
  }

  #receive(word: FromManager, fail: (error: unknown) => void): void {
    const { worker, trace } = this.options;
    if (word.epoch < worker.epoch) return trace({ event: 'stale-manager-ignored', epoch: word.epoch, epochSeen: worker.epoch });
    switch (word.kind) {
      case 'welcome':
        trace({ event: 'session-started', manager: this.manager });
        worker.setIndex(word.welcome.nodeIndex);
        void this.#beat(word.welcome.heartbeatPeriodMs || defaultHeartbeatPeriodMs).catch(fail);
        void this.#followStatuses().catch(fail);
        void this.#followApplied().catch(fail);
        void this.#followKeys().catch(fail);
        void this.#followNetwork().catch(fail);
        return;
      case 'assignments':
        this.#obeying = this.#obeying.then(() => worker.assign({ epoch: word.epoch, ...word.assignments }));
        this.#obeying.catch(fail);
        return;
      default:
        return this.#link.serve(word);
    }
  }

  async #beat(periodMs: number): Promise<void> {
    const { clock, random } = this.options;
    for (let sequence = 1; !this.#ended.signal.aborted; sequence++) {
      await clock.sleep(periodMs * (0.9 + random.below(200) / 1000), this.#ended.signal).catch(() => undefined);
      const usage = await this.options.worker.usage();
      if (!this.#ended.signal.aborted) this.#link.send({ kind: 'beat', sequence, usage });
    }
  }

  async #followStatuses(): Promise<void> {
    const { reporter } = this.options.worker;
    let lastCount = 0;
    while (!this.#ended.signal.aborted) {
      try {
        await reporter.changed.wait(this.#ended.signal);
        // What several tasks report at the same moment goes together, and the more there were the longer the next ones wait for company.
        await this.options.clock.sleep(Math.min(maxStatusRestMs, statusRestMsPerReport * lastCount), this.#ended.signal);
      } catch {
        return; // the session has ended
      }
      const reports = reporter.take();
      lastCount = reports.length;
      if (reports.length > 0) this.#link.send({ kind: 'statuses', reports, full: false });
    }
  }

  async #followKeys(): Promise<void> {
    const { worker } = this.options;
    while (!this.#ended.signal.aborted) {
      try {
        await worker.keysChanged.wait(this.#ended.signal);
      } catch {
        return; // the session has ended
      }
      this.#link.send({ kind: 'encryption-keys', keys: worker.encryptionKeys });
    }
  }

  async #followNetwork(): Promise<void> {
    const { worker } = this.options;
    while (!this.#ended.signal.aborted) {
      this.#link.send({ kind: 'network-notice', notice: worker.networkNotice });
      try {
        await worker.networkNoticed.wait(this.#ended.signal);
      } catch {
        return; // the session has ended
      }
    }
  }

  async #followApplied(): Promise<void> {
    const { worker } = this.options;
    while (!this.#ended.signal.aborted) {
      try {
        await worker.applied.wait(this.#ended.signal);
      } catch {
        return; // the session has ended
      }
      this.#link.send({ kind: 'applied', version: worker.appliedVersion });
    }
  }
}
