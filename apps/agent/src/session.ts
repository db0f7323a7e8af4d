import { credentials, Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { backoffDelayMs, describeError, Temporary, type Clock, type Random, type Trace } from '../../../libs/base/src/index.js';
import type { NodeFiles } from '../../../libs/identity/src/node-files.js';
import type { AssignmentItem, NodeDescription } from '../../../libs/model/src/index.js';
import {
  channelOptions,
  decodeItem,
  decodeItemKey,
  dispatcherService,
  encodeDescription,
  encodeTaskReport,
  managerServerName,
  type AgentMessage,
  type LogAck,
  type LogMessage,
  type ManagerMessage,
} from '../../../libs/wire/src/index.js';
import type { Worker } from '../../../libs/worker/src/index.js';
import { sendLogs } from './send-logs.js';

export interface SessionOptions {
  files: NodeFiles;
  worker: Worker;
  description: NodeDescription;
  bootId: string;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  trace: Trace<SessionEvent>;
}

export type SessionEvent =
  | { event: 'session-started'; manager: string }
  | { event: 'session-lost'; manager: string; error: string; retryMs: number }
  | { event: 'stale-manager-ignored'; epoch: number; epochSeen: number }
  | { event: 'logs-failed'; requestId: string; error: string };

const reconnect = { firstMs: 100, maxMs: 8_000 };

/** Keeps one session with some manager open until the signal is aborted; between sessions it tries the next one. */
export async function keepSession(options: SessionOptions): Promise<void> {
  const { files, clock, random, signal, trace } = options;
  const instanceId = random.id();
  for (let attempt = 0; !signal.aborted; attempt++) {
    const manager = files.managers[attempt % files.managers.length]!;
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
 * 2. A message of a lower epoch than one already obeyed is ignored.
 * 3. Statuses are sent when they change, coalesced by the stream's own flow control.
 */
class Session {
  readonly #client: Client;
  #stream!: ClientDuplexStream<AgentMessage, ManagerMessage>;
  #obeying: Promise<void> = Promise.resolve();
  readonly #logRequests = new Map<string, AbortController>();
  readonly #ended = new AbortController();

  constructor(
    private readonly options: SessionOptions,
    private readonly manager: string,
    private readonly instanceId: string,
  ) {
    const { caCertificate, identity } = options.files;
    this.#client = new Client(
      manager,
      credentials.createSsl(Buffer.from(caCertificate), Buffer.from(identity.key), Buffer.from(identity.certificate)),
      { ...channelOptions, 'grpc.ssl_target_name_override': managerServerName, 'grpc.default_authority': managerServerName },
    );
  }

  async run(): Promise<void> {
    const { signal } = this.options;
    const { session } = dispatcherService;
    this.#stream = this.#client.makeBidiStreamRequest(session.path, session.requestSerialize, session.responseDeserialize);
    const onAbort = () => this.#stream.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const ended = new Promise<void>((resolve, reject) => {
        this.#stream.on('data', (message: ManagerMessage) => this.#receive(message, reject));
        this.#stream.on('error', (error) => reject(new Temporary(`session with ${this.manager}`, { cause: error })));
        this.#stream.on('end', resolve);
      });
      this.#hello();
      await ended;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#ended.abort(new Error('the session has ended'));
      for (const request of this.#logRequests.values()) request.abort();
      this.#stream.cancel();
      this.#client.close();
    }
  }

  #hello(): void {
    const { files, worker, description, bootId } = this.options;
    this.#stream.write({
      hello: {
        clusterId: files.clusterId,
        instanceId: this.instanceId,
        bootId,
        epochSeen: worker.epoch,
        description: encodeDescription(description),
        advertiseAddress: files.address,
        dataPathAddress: files.dataPathAddress,
      },
    });
    this.#sendStatuses(worker.reporter.inventory(), true);
  }

  #receive(message: ManagerMessage, fail: (error: unknown) => void): void {
    const { worker, trace } = this.options;
    const epoch = Number(message.epoch ?? 0);
    if (epoch < worker.epoch) {
      trace({ event: 'stale-manager-ignored', epoch, epochSeen: worker.epoch });
      return;
    }
    if (message.welcome) {
      trace({ event: 'session-started', manager: this.manager });
      worker.setIndex(message.welcome.nodeIndex ?? 0);
      void this.#beat(message.welcome.heartbeatPeriodMs || 5_000).catch(fail);
      void this.#followStatuses().catch(fail);
      void this.#followApplied().catch(fail);
    } else if (message.assignments) {
      const { complete, version, put, remove } = message.assignments;
      this.#obeying = this.#obeying.then(async () => {
        await worker.assign({
          epoch,
          complete: complete ?? false,
          version: Number(version ?? 0),
          put: (put ?? []).map(decodeItem).filter((item): item is AssignmentItem => item !== undefined),
          remove: (remove ?? []).map(decodeItemKey).filter((key) => key !== undefined),
        });
      });
      this.#obeying.catch(fail);
    } else if (message.logRequest) {
      this.#startLogs(message.logRequest);
    } else if (message.logCancel) {
      this.#logRequests.get(message.logCancel.requestId ?? '')?.abort();
    }
  }

  async #beat(periodMs: number): Promise<void> {
    const { clock, random } = this.options;
    for (let sequence = 1; !this.#ended.signal.aborted; sequence++) {
      await clock.sleep(periodMs * (0.9 + random.below(200) / 1000), this.#ended.signal).catch(() => undefined);
      if (!this.#ended.signal.aborted) this.#stream.write({ beat: { sequence } });
    }
  }

  async #followStatuses(): Promise<void> {
    const { reporter } = this.options.worker;
    while (!this.#ended.signal.aborted) {
      try {
        await reporter.changed.wait(this.#ended.signal);
      } catch {
        return; // the session has ended
      }
      // One turn of the loop gathers what several tasks report at the same moment.
      await new Promise((resolve) => setImmediate(resolve));
      this.#sendStatuses(reporter.take(), false);
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
      this.#stream.write({ applied: { version: worker.appliedVersion } });
    }
  }

  #sendStatuses(reports: ReturnType<Worker['reporter']['inventory']>, full: boolean): void {
    if (reports.length === 0 && !full) return;
    this.#stream.write({ statuses: { statuses: reports.map(encodeTaskReport), full } });
  }

  #startLogs(request: NonNullable<ManagerMessage['logRequest']>): void {
    const requestId = request.requestId ?? '';
    const cancel = new AbortController();
    this.#logRequests.set(requestId, cancel);
    const { logs } = dispatcherService;
    const call = this.#client.makeClientStreamRequest<LogMessage, LogAck>(logs.path, logs.requestSerialize, logs.responseDeserialize, (error) => {
      if (error && !cancel.signal.aborted) this.options.trace({ event: 'logs-failed', requestId, error: describeError(error) });
      cancel.abort();
      this.#logRequests.delete(requestId);
    });
    void sendLogs(call, request, this.options.worker, cancel.signal)
      .catch((error: unknown) => {
        if (!cancel.signal.aborted) this.options.trace({ event: 'logs-failed', requestId, error: describeError(error) });
      })
      .finally(() => call.end());
  }
}
