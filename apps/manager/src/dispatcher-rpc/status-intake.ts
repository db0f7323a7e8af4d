import { Bell, describeError, isRefused, isTemporary, type Clock, type Trace } from '../../../../libs/base/src/index.js';
import { applyStatuses } from '../../../../libs/dispatcher/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import type { TaskReport } from '../../../../libs/wire/src/index.js';

export interface StatusBatch {
  nodeId: string;
  reports: TaskReport[];
  /** The complete inventory of a node whose assignments were applied: what it lacks is lost. */
  full: boolean;
  /** Called once the batch is in the store. */
  acknowledge(): void;
}

const retryMs = 200;

/** Writes what agents report into the store: everything that arrives while one commit runs goes into the next. */
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
      await this.#store(batches, signal);
      for (const batch of batches) batch.acknowledge();
    }
  }

  async #store(batches: StatusBatch[], signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        for (const { nodeId, reports, full } of batches) {
          const changes = applyStatuses(this.store.view(), nodeId, reports, { full });
          if (changes.length > 0) await this.store.commit(changes, signal);
        }
        return;
      } catch (error) {
        if (!isTemporary(error) && !isRefused(error, 'conflict')) throw error;
        this.trace({ event: 'statuses-not-stored', error: describeError(error) });
        await this.clock.sleep(retryMs, signal);
      }
    }
  }
}
