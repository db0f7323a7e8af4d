import type { Clock } from '../../base/src/index.js';
import type { Change, ClusterView, Kind, Kinds, Revision, StoreEvent } from '../../model/src/index.js';
import { MemoryStore, type ElectionPort } from '../../store/src/index.js';

/** Who wrote: a leader in its epoch, or a user through the API of a manager. */
export type Writer = { kind: 'leader'; manager: string; epoch: Revision } | { kind: 'user' };

/** What a commit did to one object. */
export interface Write {
  kind: Kind;
  id: string;
  before: Kinds[Kind] | undefined;
  after: Kinds[Kind] | undefined;
}

export interface Commit {
  revision: Revision;
  atMs: number;
  writer: Writer;
  changes: readonly Change[];
  writes: readonly Write[];
  events: readonly StoreEvent[];
}

/** The store that all managers write to: the truth, and everything that ever happened to it. */
export class Authority {
  readonly #store: MemoryStore;
  readonly #listeners: ((commit: Commit) => void)[] = [];
  #events: readonly StoreEvent[] = [];

  constructor(private readonly clock: Clock) {
    this.#store = new MemoryStore({ clock });
    this.#store.watch((events) => (this.#events = events));
  }

  get view(): ClusterView {
    return this.#store.view();
  }

  get election(): ElectionPort {
    return this.#store;
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.#listeners.push(listener);
  }

  /** Synchronous in effect: nothing else happens in between. Throws what the store throws. */
  async commit(changes: readonly Change[], writer: Writer): Promise<Commit> {
    const keys = new Map(changes.map((change) => ['object' in change ? change.object.id : change.id, change.kind] as const).map(([id, kind]) => [`${kind}/${id}`, { kind, id }]));
    const before = [...keys.values()].map(({ kind, id }) => this.view.get(kind, id));
    this.#events = [];
    const store = writer.kind === 'leader' ? this.#store.fencedBy(writer.epoch) : this.#store;
    const revision = await store.commit(changes);
    const writes = [...keys.values()].map(({ kind, id }, index): Write => ({ kind, id, before: before[index], after: this.view.get(kind, id) })).filter((write) => write.before !== write.after);
    const commit: Commit = { revision, atMs: this.clock.monotonicMs(), writer, changes, writes, events: this.#events };
    if (writes.length > 0) for (const listener of this.#listeners) listener(commit);
    return commit;
  }
}
