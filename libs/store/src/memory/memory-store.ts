import { Refused, systemClock, timestamp, type Clock } from '../../../base/src/index.js';
import { IndexedView, type Change, type ClusterView, type Revision } from '../../../model/src/index.js';
import { applyTo, eventsOf } from '../apply-changes.js';
import type { ElectionPort, LeaderRecord } from '../election-port.js';
import { Listeners, type StoreListener } from '../listeners.js';
import type { Store } from '../store.js';

/**
 * The store in memory: for tests and simulation. Same promises as `EtcdStore` (one contract suite checks both),
 * and it keeps nothing.
 */
export class MemoryStore implements Store, ElectionPort {
  readonly #view = new IndexedView();
  readonly #listeners = new Listeners();
  readonly #clock: Pick<Clock, 'wallMs'>;
  #leader: LeaderRecord = { managerId: '', epoch: 0, beat: 0 };

  constructor(options: { clock?: Pick<Clock, 'wallMs'> } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  view(): ClusterView {
    return this.#view;
  }

  async commit(changes: readonly Change[], signal?: AbortSignal): Promise<Revision> {
    return this.#commit(changes, undefined, signal);
  }

  watch(listener: StoreListener): () => void {
    return this.#listeners.add(listener);
  }

  fencedBy(epoch: Revision): Store {
    return {
      view: () => this.#view,
      commit: async (changes, signal) => this.#commit(changes, epoch, signal),
      watch: (listener) => this.watch(listener),
      fencedBy: (other) => this.fencedBy(other),
    };
  }

  async readLeader(): Promise<LeaderRecord> {
    return this.#leader;
  }

  async takeLead(managerId: string, seen: LeaderRecord): Promise<Revision | undefined> {
    if (this.#leader.epoch !== seen.epoch || this.#leader.beat !== seen.beat) return undefined;
    const epoch = ++this.#view.revision;
    this.#leader = { managerId, epoch, beat: epoch };
    return epoch;
  }

  async beat(epoch: Revision): Promise<boolean> {
    if (this.#leader.epoch !== epoch) return false;
    this.#leader = { ...this.#leader, beat: ++this.#view.revision };
    return true;
  }

  async resign(epoch: Revision): Promise<void> {
    if (this.#leader.epoch !== epoch) return;
    const revision = ++this.#view.revision;
    this.#leader = { managerId: '', epoch: revision, beat: revision };
  }

  #commit(changes: readonly Change[], epoch: Revision | undefined, signal?: AbortSignal): Revision {
    signal?.throwIfAborted();
    if (epoch !== undefined && this.#leader.epoch !== epoch) {
      throw new Refused('precondition', `this manager no longer leads: its epoch ${epoch} is over`);
    }
    const writes = applyTo(this.#view, changes, timestamp(this.#clock.wallMs()));
    const { revision } = this.#view;
    if (writes.length > 0) this.#listeners.tell(writes.flatMap(eventsOf), revision);
    return revision;
  }
}
