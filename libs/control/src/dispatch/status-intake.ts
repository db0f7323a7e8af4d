import { Bell, describeError, isRefused, isTemporary, type Clock, type Trace } from '../../../base/src/index.js';
import { applyStatuses, type Inventory } from '../../../dispatcher/src/index.js';
import { compareStates, type Change, type TaskReport } from '../../../model/src/index.js';
import type { Store } from '../../../store/src/index.js';

export interface StatusBatch {
  nodeId: string;
  reports: TaskReport[];
  /** The complete inventory of a node: what it once accepted and now lacks is lost. */
  full: boolean;
}

const retryMs = 200;
const changesPerCommit = 4_000;
/** A commit sets the whole manager in motion: each is followed by a rest of up to this, twice as long as it took. */
const maxRestMs = 150;

/** Writes what agents report into the store: everything that arrives while one commit runs, and shortly after, goes into the next. */
export class StatusIntake {
  #batches: StatusBatch[] = [];
  readonly #arrived = new Bell();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly trace: Trace<{ event: 'statuses-not-stored'; error: string }>,
  ) {}

  add(batch: StatusBatch): void {
    this.#batches.push(batch);
    this.#arrived.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#arrived.wait(signal);
      const batches = this.#batches;
      this.#batches = [];
      const startedMs = this.clock.monotonicMs();
      await this.#store(batches, signal);
      await this.clock.sleep(Math.min(maxRestMs, 2 * (this.clock.monotonicMs() - startedMs)), signal);
    }
  }

  async #store(batches: StatusBatch[], signal: AbortSignal): Promise<void> {
    for (let left = joined(batches); left.length > 0; ) {
      try {
        const { changes, count } = this.#next(left);
        if (changes.length > 0) await this.store.commit(changes, signal);
        left = left.slice(count);
      } catch (error) {
        if (!isTemporary(error) && !isRefused(error, 'conflict')) throw error;
        this.trace({ event: 'statuses-not-stored', error: describeError(error) });
        await this.clock.sleep(retryMs, signal);
      }
    }
  }

  /** What the first of the batches come to: as many as go into one commit, and of each node one, for the next is to be seen in the light of it. */
  #next(batches: readonly StatusBatch[]): { changes: Change[]; count: number } {
    const changes: Change[] = [];
    const nodes = new Set<string>();
    let count = 0;
    while (count < batches.length && changes.length < changesPerCommit && !nodes.has(batches[count]!.nodeId)) {
      const { nodeId, reports, full } = batches[count++]!;
      nodes.add(nodeId);
      for (const change of applyStatuses(this.store.view(), nodeId, reports, full ? this.#inventory() : undefined)) changes.push(change);
    }
    return { changes, count };
  }

  /** An agent stores an assignment before it accepts the task: one that never was accepted may not have arrived. */
  #inventory(): Inventory {
    const view = this.store.view();
    return {
      nowMs: this.clock.wallMs(),
      wasApplied: (taskId) => compareStates(view.get('task', taskId)?.status.state ?? 'new', 'assigned') > 0,
    };
  }
}

/** What a node has sent one after the other, as if sent at once. A full inventory stays what it is. */
function joined(batches: readonly StatusBatch[]): StatusBatch[] {
  const all: StatusBatch[] = [];
  const lastOf = new Map<string, StatusBatch>();
  for (const batch of batches) {
    const before = lastOf.get(batch.nodeId);
    if (before && !before.full && !batch.full) {
      before.reports = [...before.reports, ...batch.reports];
      continue;
    }
    const copy = { ...batch };
    lastOf.set(batch.nodeId, copy);
    all.push(copy);
  }
  return all;
}
