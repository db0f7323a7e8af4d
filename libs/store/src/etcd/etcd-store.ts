import { KeyedSequencer, Lifetime, Refused, systemRandom, Temporary, timestamp, type Clock, type Trace } from '../../../base/src/index.js';
import type { Change, ClusterView, Revision } from '../../../model/src/index.js';
import { applyChanges, type ObjectWrite } from '../apply-changes.js';
import type { ElectionPort, LeaderRecord } from '../election-port.js';
import { Listeners, type StoreListener } from '../listeners.js';
import { CommitTooLarge, type Store } from '../store.js';
import { EtcdClient, type Guard, type KeyValue } from './client.js';
import type { EtcdTls } from './connections.js';
import type { EtcdEvent } from './events.js';
import { Follower } from './follower.js';
import { Keys } from './keys.js';
import { Projection } from './projection.js';
import { keyWrites, type KeyWrites } from './transaction.js';
import { MarkedWriter, type Outcome } from './writer.js';

export interface EtcdStoreOptions {
  /** `http://…`, `https://…` or `unix:/path`; the first is preferred. */
  endpoints: string[];
  /** Files in PEM. */
  tls?: EtcdTls;
  /** Every key starts with it, so that a cluster of etcd can be shared. */
  prefix?: string;
  /** Names this writer; two processes that run at the same time must not share it. Best: the manager's id. */
  writerId?: string;
  /** What etcd was started with (`--max-txn-ops`; its default is 128). */
  maxOperations?: number;
  /** See `EtcdClientOptions.keepaliveMs`. */
  keepaliveMs?: number;
  trace: Trace<EtcdEvent>;
  clock: Clock;
  /** Ends the store. */
  signal: AbortSignal;
}

/** No commit waits longer for etcd. */
const commitTimeoutMs = 3000;
/** etcd is started with `--max-request-bytes` of 4 MiB; the rest is for keys and framing. */
const maxCommitBytes = 3.5 * 1024 * 1024;

/** Connects and loads everything. Throws `Temporary` when etcd does not answer. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<EtcdStore> {
  options.signal.throwIfAborted();
  const lifetime = new Lifetime();
  try {
    const store = new EtcdStore(options, lifetime);
    await store.start();
    return store;
  } catch (error) {
    await lifetime.end();
    throw error;
  }
}

/**
 * The store in etcd: every manager holds the whole view in memory, follows etcd's watch, and writes in guarded
 * transactions. Key layout: docs/decisions/0001-etcd-key-layout.md.
 */
export class EtcdStore implements Store, ElectionPort {
  readonly #options: EtcdStoreOptions;
  readonly #lifetime: Lifetime;
  readonly #keys: Keys;
  readonly #client: EtcdClient;
  readonly #projection: Projection;
  readonly #follower: Follower;
  readonly #listeners = new Listeners();
  readonly #commits = new KeyedSequencer();
  readonly #waiters = new Set<{ revision: Revision; resolve: () => void }>();
  readonly #writerKey: string;
  #writer!: MarkedWriter;

  constructor(options: EtcdStoreOptions, lifetime: Lifetime) {
    const { prefix = '/v1', clock, trace } = options;
    this.#options = options;
    this.#lifetime = lifetime;
    this.#keys = new Keys(prefix);
    this.#client = lifetime.own(new EtcdClient(options), (client) => client.close());
    this.#projection = new Projection(this.#keys);
    this.#writerKey = this.#keys.writer(options.writerId ?? systemRandom.id());
    this.#follower = new Follower({
      client: this.#client,
      projection: this.#projection,
      prefix,
      clock,
      trace,
      onHeard: (events, revision) => {
        this.#listeners.tell(events, revision);
        for (const waiter of this.#waiters) if (waiter.revision <= this.#projection.heard) waiter.resolve();
      },
    });
  }

  async start(): Promise<void> {
    const { signal, clock, trace } = this.#options;
    await this.#follower.load();
    this.#writer = new MarkedWriter({
      client: this.#client,
      key: this.#writerKey,
      incarnation: systemRandom.id(),
      markRevision: this.#projection.revisionOf(this.#writerKey),
      clock,
      trace,
    });
    void this.#follower.run(this.#lifetime.signal);
    const onAbort = () => void this.close();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#lifetime.own(onAbort, () => signal.removeEventListener('abort', onAbort));
  }

  /** Stops watching and disconnects. */
  close(): Promise<void> {
    return this.#lifetime.end('the store was closed');
  }

  view(): ClusterView {
    return this.#projection.view;
  }

  watch(listener: StoreListener): () => void {
    return this.#listeners.add(listener);
  }

  commit(changes: readonly Change[], signal?: AbortSignal): Promise<Revision> {
    return this.#enqueue(changes, undefined, signal);
  }

  fencedBy(epoch: Revision): Store {
    return {
      view: () => this.view(),
      commit: (changes, signal) => this.#enqueue(changes, epoch, signal),
      watch: (listener) => this.watch(listener),
      fencedBy: (other) => this.fencedBy(other),
    };
  }

  async readLeader(): Promise<LeaderRecord> {
    const [leader, beat] = await this.#client.get([this.#keys.leader, this.#keys.beat]);
    const managerId = leader ? (JSON.parse(leader.value) as { managerId: string }).managerId : '';
    return { managerId, epoch: leader?.revision ?? 0, beat: beat?.revision ?? 0 };
  }

  async takeLead(managerId: string, seen: LeaderRecord): Promise<Revision | undefined> {
    return this.#guarded(
      [
        { key: this.#keys.leader, revision: seen.epoch },
        { key: this.#keys.beat, revision: seen.beat },
      ],
      [
        { key: this.#keys.leader, value: JSON.stringify({ managerId }) },
        { key: this.#keys.beat, value: '{}' },
      ],
    );
  }

  async beat(epoch: Revision): Promise<boolean> {
    return (await this.#guarded([{ key: this.#keys.leader, revision: epoch }], [{ key: this.#keys.beat, value: '{}' }])) !== undefined;
  }

  async resign(epoch: Revision): Promise<void> {
    await this.#guarded(
      [{ key: this.#keys.leader, revision: epoch }],
      [
        { key: this.#keys.leader, value: JSON.stringify({ managerId: '' }) },
        { key: this.#keys.beat, value: '{}' },
      ],
    );
  }

  /** Forgets etcd's history before `revision`; a manager that is further behind loads everything again. */
  compact(revision: Revision): Promise<void> {
    return this.#client.compact(revision);
  }

  /** Compares the view with etcd now, and repairs it. Runs by itself every minute. */
  audit(): Promise<void> {
    return this.#follower.audit();
  }

  async #guarded(guards: Guard[], writes: { key: string; value: string }[]): Promise<Revision | undefined> {
    const result = await this.#client.transact(guards, writes, { timeoutMs: 1000 });
    return result.succeeded ? result.revision : undefined;
  }

  async #enqueue(changes: readonly Change[], epoch: Revision | undefined, signal?: AbortSignal): Promise<Revision> {
    const deadlineMs = this.#options.clock.monotonicMs() + commitTimeoutMs;
    return this.#commits.run('', async () => {
      signal?.throwIfAborted();
      this.#lifetime.signal.throwIfAborted();
      if (this.#options.clock.monotonicMs() >= deadlineMs) throw new Temporary('etcd is too slow: the commits before this one took all its time; nothing was written');
      return this.#commit(changes, epoch, deadlineMs);
    });
  }

  async #commit(changes: readonly Change[], epoch: Revision | undefined, deadlineMs: number): Promise<Revision> {
    for (;;) {
      const view = this.#projection.view;
      const writes = applyChanges(view, changes, timestamp(this.#options.clock.wallMs()));
      if (writes.length === 0) return view.revision;
      const values = keyWrites(view, writes, this.#keys);
      this.#dropNeedlessDeletes(values);
      this.#requireSize(values);
      const outcome = await this.#write(values, epoch, deadlineMs);
      if (outcome.kind === 'committed') {
        this.#listeners.tell(this.#projection.applyOwn(writes, values, outcome.revision), outcome.revision);
        return outcome.revision;
      }
      if (outcome.kind === 'refused') this.#requireEpoch(epoch, outcome.read[0]);
      await this.#caughtUp(outcome.revision, deadlineMs);
      this.#requireUntouched(writes);
      if (this.#options.clock.monotonicMs() >= deadlineMs) throw new Temporary('other managers write the same keys all the time; nothing was written');
      this.#options.trace({ event: 'store-commit-retried', reason: outcome.kind === 'refused' ? 'another writer changed a shared key' : 'an earlier commit was applied late' });
    }
  }

  #write(values: KeyWrites, epoch: Revision | undefined, deadlineMs: number): Promise<Outcome> {
    const guards: Guard[] = [...values.keys()].map((key) => ({ key, revision: this.#projection.revisionOf(key) }));
    if (epoch !== undefined) guards.push({ key: this.#keys.leader, revision: epoch });
    const writes = [...values].map(([key, value]) => ({ key, value }));
    return this.#writer.write(guards, writes, epoch === undefined ? [] : [this.#keys.leader], deadlineMs);
  }

  #dropNeedlessDeletes(values: KeyWrites): void {
    for (const [key, value] of values) if (value === undefined && this.#projection.revisionOf(key) === 0) values.delete(key);
  }

  #requireSize(values: KeyWrites): void {
    const limit = (this.#options.maxOperations ?? 4096) - 2; // the mark, the leader key
    let bytes = 0;
    for (const [key, value] of values) bytes += key.length * 2 + Buffer.byteLength(value ?? '') + 32;
    if (values.size <= limit && bytes <= maxCommitBytes) return;
    throw new CommitTooLarge(`this change writes ${values.size} keys and ${bytes} bytes at once; one transaction holds ${limit} keys and ${maxCommitBytes} bytes: split it`);
  }

  #requireEpoch(epoch: Revision | undefined, leader: KeyValue | undefined): void {
    if (epoch === undefined || leader?.revision === epoch) return;
    throw new Refused('precondition', `this manager no longer leads: its epoch ${epoch} is over`);
  }

  /** Conflicts that only come from several tasks sharing a key are none of the caller's. */
  #requireUntouched(writes: readonly ObjectWrite[]): void {
    const foreign = writes.find(({ kind, id, before }) => before && this.#projection.view.get(kind, id) !== before);
    if (foreign) throw new Refused('conflict', `${foreign.kind} ${foreign.id} was changed by another manager meanwhile; look again and repeat`);
  }

  /** Waits until the view shows everything up to `revision`, the revision of an own mark. */
  async #caughtUp(revision: Revision, deadlineMs: number): Promise<void> {
    if (this.#projection.heard >= revision) return;
    const { clock } = this.#options;
    const caughtUp = new Promise<void>((resolve, reject) => {
      const waiter = { revision, resolve: () => end(resolve) };
      const stop = clock.after(Math.max(0, deadlineMs - clock.monotonicMs()), () =>
        end(() => reject(new Temporary('another manager changed something that this one has not heard of yet; nothing was written'))),
      );
      const end = (settle: () => void) => {
        stop();
        this.#waiters.delete(waiter);
        settle();
      };
      this.#waiters.add(waiter);
    });
    await caughtUp;
  }
}

/** Keeps etcd small: forgets all but the last `keepRevisions` revisions. The leader runs it every few seconds. */
export async function compactBehind(store: EtcdStore, keepRevisions: number): Promise<void> {
  const revision = store.view().revision - keepRevisions;
  if (revision > 0) await store.compact(revision);
}

