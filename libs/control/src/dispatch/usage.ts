import type { TaskUsage } from '../../../model/src/index.js';

/** What a task uses now, by the last two looks at its cgroup. */
export interface MeasuredLoad {
  cpus: number;
  memoryBytes: number;
}

/** A figure that is older says nothing about now. */
const freshMs = 30_000;

/** The use of tasks as their nodes tell it, in the memory of the leader: the next one hears it anew within two beats. */
export class UsageBook {
  readonly #entries = new Map<string, { last: TaskUsage; heardMs: number; load?: MeasuredLoad }>();

  /** `nowMs`: monotonic. */
  note(usage: readonly TaskUsage[], nowMs: number): void {
    for (const next of usage) {
      const last = this.#entries.get(next.taskId)?.last;
      const tookMs = last ? next.readAtMs - last.readAtMs : 0;
      const load = last && tookMs > 0 && next.cpuNs >= last.cpuNs ? { cpus: (next.cpuNs - last.cpuNs) / (tookMs * 1e6), memoryBytes: next.memoryBytes } : undefined;
      this.#entries.set(next.taskId, { last: next, heardMs: nowMs, ...(load && { load }) });
    }
  }

  loadOf(taskId: string, nowMs: number): MeasuredLoad | undefined {
    const entry = this.#entries.get(taskId);
    return entry && nowMs - entry.heardMs <= freshMs ? entry.load : undefined;
  }

  /** Tasks that were not heard of for a while have ended. */
  forgetOld(nowMs: number): void {
    for (const [taskId, { heardMs }] of this.#entries) if (nowMs - heardMs > freshMs) this.#entries.delete(taskId);
  }
}
