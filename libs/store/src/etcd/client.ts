import {
  CompareTarget,
  GRPCDeadlineExceededError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnavailableError,
  type Etcd3,
  type ICompare,
  type IDuplexStream,
  type IRequestOp,
  type ITxnResponse,
  type IWatchRequest,
  type IWatchResponse,
} from 'etcd3';
import { describeError, Temporary } from '../../../base/src/index.js';
import type { Revision } from '../../../model/src/index.js';
import { CommitTooLarge } from '../store.js';
import { requireLeader, Rotation, type EtcdClientOptions } from './connections.js';

export interface KeyValue {
  key: string;
  value: string;
  revision: Revision;
}

/** One event of a key; no value: deleted. */
export interface KeyEvent {
  key: string;
  value: string | undefined;
  revision: Revision;
}

export interface Guard {
  key: string;
  /** Its revision must be this; 0: it must not exist. */
  revision: Revision;
}

export interface KeyWrite {
  key: string;
  /** `undefined` deletes. */
  value: string | undefined;
}

/** Nobody can know (yet) whether the transaction was or will be applied. */
export class UnknownOutcome extends Temporary {}

const readTimeoutMs = 1500;
const streamCreateTimeoutMs = 3000;

/**
 * etcd's wire protocol through etcd3's low-level clients: what etcd3 lacks there is a deadline on every call, one
 * connection per purpose, and a watch that says why it ended.
 *
 * Its retries and circuit breaker are off: a circuit stays open for seconds after etcd is back, and whoever retries
 * a write must first know what became of it.
 */
export class EtcdClient {
  readonly #options: EtcdClientOptions;
  readonly #calls: Rotation;
  readonly #watches: Rotation;

  constructor(options: EtcdClientOptions) {
    this.#options = options;
    this.#calls = new Rotation(options, []);
    this.#watches = new Rotation(options, [requireLeader]);
  }

  /** All keys that start with `from`, in order, with the revision they were read at. Goes through the quorum. */
  async range(from: string, options: { at?: Revision; keysOnly?: boolean } = {}): Promise<{ entries: KeyValue[]; revision: Revision; clusterId: string }> {
    const response = await this.#call('read', readTimeoutMs * 4, (etcd, deadline) =>
      etcd.kv.range({ key: Buffer.from(from), range_end: endOf(from), revision: options.at ?? 0, keys_only: options.keysOnly ?? false }, { deadline }),
    );
    return {
      entries: response.kvs.map((kv) => ({ key: kv.key.toString(), value: kv.value.toString(), revision: Number(kv.mod_revision) })),
      revision: Number(response.header.revision),
      clusterId: String(response.header.cluster_id),
    };
  }

  /** Each key's value, if it has one, all read at one moment through the quorum. */
  async get(keys: readonly string[]): Promise<(KeyValue | undefined)[]> {
    const response = await this.#call('read', readTimeoutMs, (etcd, deadline) =>
      etcd.kv.txn({ success: keys.map((key) => ({ request_range: { key: Buffer.from(key) } })) }, { deadline }),
    );
    return keys.map((key, index) => rangeResult(response, index, key));
  }

  /**
   * Writes all if every guard holds. Otherwise writes `otherwise.write` and answers with the values of
   * `otherwise.read` as they were before. Throws `UnknownOutcome`, `CommitTooLarge` or (nothing was written) `Temporary`.
   */
  async transact(
    guards: readonly Guard[],
    writes: readonly KeyWrite[],
    options: { timeoutMs: number; otherwise?: { read: readonly string[]; write: readonly KeyWrite[] } },
  ): Promise<{ succeeded: boolean; revision: Revision; read: (KeyValue | undefined)[] }> {
    const read = options.otherwise?.read ?? [];
    const failure: IRequestOp[] = [...read.map((key) => ({ request_range: { key: Buffer.from(key) } })), ...(options.otherwise?.write ?? []).map(toOperation)];
    const response = await this.#call('write', options.timeoutMs, (etcd, deadline) =>
      etcd.kv.txn({ compare: guards.map(toCompare), success: writes.map(toOperation), failure }, { deadline }),
    );
    return {
      succeeded: response.succeeded,
      revision: Number(response.header.revision),
      read: response.succeeded ? [] : read.map((key, index) => rangeResult(response, index, key)),
    };
  }

  /** Forgets the history before `revision`. A revision that is forgotten already is no error. */
  async compact(revision: Revision): Promise<void> {
    try {
      await this.#call('read', readTimeoutMs, (etcd, deadline) => etcd.kv.compact({ revision }, { deadline }));
    } catch (error) {
      if (!(error instanceof Temporary && error.cause instanceof GRPCOutOfRangeError)) throw error;
    }
  }

  /**
   * Every event of keys that start with `from`, from that revision on, in batches that never split a revision.
   * Ends by throwing: `Compacted`, `Temporary`, or the signal's reason.
   */
  async watch(from: string, start: Revision, onEvents: (events: KeyEvent[]) => void, signal: AbortSignal): Promise<never> {
    const stream = await this.#watches.current().watchClient.watch();
    try {
      return await this.#follow(stream, { key: Buffer.from(from), range_end: endOf(from), start_revision: start, prev_kv: false }, onEvents, signal);
    } catch (error) {
      if (!signal.aborted && !(error instanceof Compacted)) this.#watches.rotate();
      throw error;
    } finally {
      cancelStream(stream);
    }
  }

  close(): void {
    this.#calls.close();
    this.#watches.close();
  }

  #follow(
    stream: IDuplexStream<IWatchRequest, IWatchResponse>,
    create_request: NonNullable<IWatchRequest['create_request']>,
    onEvents: (events: KeyEvent[]) => void,
    signal: AbortSignal,
  ): Promise<never> {
    return new Promise<never>((_resolve, reject) => {
      const onAbort = () => reject(signal.reason as Error);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      const fail = (error: Error) => {
        signal.removeEventListener('abort', onAbort);
        stopTimer();
        reject(error);
      };
      const stopTimer = this.#options.clock.after(streamCreateTimeoutMs, () => fail(new Temporary('etcd did not answer the watch request')));
      const on = stream.on.bind(stream) as (event: string, listener: (argument: never) => void) => unknown;
      on('error', (error: Error) => fail(new Temporary(`the etcd watch was lost: ${describeError(error)}`, { cause: error })));
      on('end', () => fail(new Temporary('etcd ended the watch')));
      on('data', (response: IWatchResponse) => {
        stopTimer();
        if (response.canceled) {
          const revision = Number(response.compact_revision);
          return fail(revision > 0 ? new Compacted(`etcd forgot the history before revision ${revision}`) : new Temporary(`etcd cancelled the watch: ${response.cancel_reason}`));
        }
        try {
          onEvents(response.events.map((event) => toKeyEvent(event.type as string, event.kv)));
        } catch (error) {
          fail(error as Error);
        }
      });
      stream.write({ create_request });
    });
  }

  /** A read is asked at each endpoint in turn; a write once, because it may have been applied. */
  async #call<T>(mode: 'read' | 'write', timeoutMs: number, call: (etcd: Etcd3, deadline: Date) => Promise<T>): Promise<T> {
    for (let left = mode === 'read' ? this.#options.endpoints.length : 1; ; left--) {
      try {
        return await call(this.#calls.current(), new Date(this.#options.clock.wallMs() + timeoutMs));
      } catch (error) {
        const explained = this.#explain(mode, error);
        if (left === 1 || !(error instanceof GRPCUnavailableError || error instanceof GRPCDeadlineExceededError)) throw explained;
      }
    }
  }

  #explain(mode: 'read' | 'write', error: unknown): Error {
    const cause = describeError(error);
    if (error instanceof GRPCInvalidArgumentError && /too many operations|too large/.test(cause)) {
      return new CommitTooLarge(`etcd takes no transaction of this size: ${cause}; commit in smaller lists, or raise --max-txn-ops and --max-request-bytes`);
    }
    if (error instanceof GRPCResourceExhastedError && cause.includes('space exceeded')) {
      return new Temporary('the database of etcd is full: compact and defragment it, then disarm the NOSPACE alarm', { cause: error });
    }
    if (error instanceof GRPCOutOfRangeError) return new Temporary(`etcd refused: ${cause}`, { cause: error });
    this.#calls.rotate();
    if (mode === 'write') return new UnknownOutcome(`etcd at ${this.#options.endpoints.join(', ')} did not confirm a write: ${cause}`, { cause: error });
    return new Temporary(`etcd at ${this.#options.endpoints.join(', ')} does not answer: ${cause}`, { cause: error });
  }
}

/** The history that a watch asked for is gone: load everything again. */
class Compacted extends Error {
  override readonly name = 'Compacted';
}

function cancelStream(stream: IDuplexStream<IWatchRequest, IWatchResponse>): void {
  (stream as unknown as { cancel(): void }).cancel();
}

function toCompare({ key, revision }: Guard): ICompare {
  return { key: Buffer.from(key), target: CompareTarget.Mod, mod_revision: revision };
}

function toOperation({ key, value }: KeyWrite): IRequestOp {
  if (value === undefined) return { request_delete_range: { key: Buffer.from(key) } };
  return { request_put: { key: Buffer.from(key), value: Buffer.from(value) } };
}

function toKeyEvent(type: string, kv: { key: Buffer; value: Buffer; mod_revision: string }): KeyEvent {
  return { key: kv.key.toString(), value: type === 'Delete' ? undefined : kv.value.toString(), revision: Number(kv.mod_revision) };
}

function rangeResult(response: ITxnResponse, index: number, key: string): KeyValue | undefined {
  const kv = response.responses[index]?.response_range.kvs[0];
  return kv && { key, value: kv.value.toString(), revision: Number(kv.mod_revision) };
}

/** The end of the range of all keys that start with it. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}
