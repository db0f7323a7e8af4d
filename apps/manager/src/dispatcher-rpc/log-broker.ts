import type { ServerReadableStream } from '@grpc/grpc-js';
import type { Random } from '../../../../libs/base/src/index.js';
import type { ClusterView, FromManager } from '../../../../libs/model/src/index.js';
import type { LogLine, LogOptions, LogSource } from '../http/tokens.js';
import type { LogMessage } from '../../../../libs/wire/src/index.js';

/** How a request reaches a node; `false` when it has no session. */
export type SendToNode = (nodeId: string, word: FromManager) => boolean;

interface Subscription {
  queue: LogLine[];
  /** Nodes that have not finished. */
  pending: Set<string>;
  /** Streams that were told to wait until the reader has caught up. */
  paused: ServerReadableStream<LogMessage, unknown>[];
  wake(): void;
}

/** Above it the agents' streams are paused: a reader that does not read costs no memory. */
const maxQueuedLines = 10_000;
/** A node that was asked and does not open its stream in this time is left out. */
const openDeadlineMs = 5_000;

/**
 * Asks the nodes of some tasks for their log lines and merges what comes back. A node that is away is left out:
 * what can be reached is shown.
 */
export class LogBroker implements LogSource {
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #opened = new Set<string>();

  constructor(
    private readonly view: () => ClusterView,
    private readonly send: SendToNode,
    private readonly random: Random,
    private readonly epoch: () => number,
  ) {}

  async *logs(taskIds: readonly string[], query: LogOptions): AsyncGenerator<LogLine> {
    const byNode = groupByNode(this.view(), taskIds);
    const requests: { requestId: string; nodeId: string }[] = [];
    let wake = (): void => undefined;
    const subscription: Subscription = { queue: [], pending: new Set(), paused: [], wake: () => wake() };
    for (const [nodeId, ids] of byNode) {
      const requestId = this.random.id();
      const request = { requestId, taskIds: ids, follow: query.follow, tail: query.tail, sinceMs: query.sinceMs ?? 0, untilMs: query.untilMs ?? 0 };
      if (!this.send(nodeId, { epoch: this.epoch(), kind: 'log-request', request })) continue;
      this.#subscriptions.set(requestId, subscription);
      subscription.pending.add(requestId);
      requests.push({ requestId, nodeId });
    }
    const opened = setTimeout(() => {
      for (const { requestId } of requests) if (!this.#opened.has(requestId)) subscription.pending.delete(requestId);
      wake();
    }, openDeadlineMs);
    const onAbort = () => wake();
    query.signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!query.signal.aborted) {
        if (subscription.queue.length > 0) {
          const lines = subscription.queue;
          subscription.queue = [];
          for (const stream of subscription.paused.splice(0)) stream.resume();
          yield* lines;
        } else if (subscription.pending.size === 0) {
          return;
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      clearTimeout(opened);
      query.signal.removeEventListener('abort', onAbort);
      for (const { requestId, nodeId } of requests) {
        this.#subscriptions.delete(requestId);
        this.#opened.delete(requestId);
        if (subscription.pending.has(requestId)) this.send(nodeId, { epoch: this.epoch(), kind: 'log-cancel', requestId });
      }
    }
  }

  /** A stream that an agent opened for one of our requests. `done` acknowledges it. */
  receive(stream: ServerReadableStream<LogMessage, unknown>, done: () => void): void {
    let requestId = '';
    stream.on('data', (message: LogMessage) => {
      requestId ||= message.requestId ?? '';
      const subscription = this.#subscriptions.get(requestId);
      if (!subscription) {
        done();
        stream.destroy();
        return;
      }
      this.#opened.add(requestId);
      for (const line of message.lines ?? []) {
        subscription.queue.push({ taskId: line.taskId ?? '', stderr: line.stderr ?? false, timestamp: line.timestamp ?? '', text: `${line.text ?? ''}\n` });
      }
      if (subscription.queue.length > maxQueuedLines) {
        stream.pause();
        subscription.paused.push(stream);
      }
      subscription.wake();
    });
    const finish = () => {
      const subscription = this.#subscriptions.get(requestId);
      subscription?.pending.delete(requestId);
      subscription?.wake();
    };
    stream.on('end', () => {
      finish();
      done();
    });
    stream.on('error', finish);
    stream.on('cancelled', finish);
  }
}

function groupByNode(view: ClusterView, taskIds: readonly string[]): Map<string, string[]> {
  const byNode = new Map<string, string[]>();
  for (const taskId of taskIds) {
    const nodeId = view.get('task', taskId)?.nodeId;
    if (nodeId) byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), taskId]);
  }
  return byNode;
}
