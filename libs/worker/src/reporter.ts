import { Bell } from '../../base/src/index.js';
import type { TaskStatus } from '../../model/src/index.js';

export interface StatusReport {
  taskId: string;
  status: TaskStatus;
}

/**
 * The newest status of every task, and which of them the manager has not acknowledged.
 *
 * 1. Only the newest status per task is kept: an older one that was not sent yet is never sent.
 * 2. A status stays due until the batch that carried it was acknowledged.
 * 3. After a reconnect everything is due.
 */
export class Reporter {
  readonly changed = new Bell();
  readonly #newest = new Map<string, TaskStatus>();
  readonly #due = new Set<string>();
  readonly #inFlight = new Map<number, StatusReport[]>();

  report(taskId: string, status: TaskStatus): void {
    this.#newest.set(taskId, status);
    this.#due.add(taskId);
    this.changed.ring();
  }

  forget(taskId: string): void {
    this.#newest.delete(taskId);
    this.#due.delete(taskId);
  }

  /** Everything, for the start of a session. */
  inventory(): StatusReport[] {
    this.#due.clear();
    this.#inFlight.clear();
    return [...this.#newest].map(([taskId, status]) => ({ taskId, status }));
  }

  /** What is due; it counts as sent with `sequence` until acknowledged or until `inventory`. */
  take(sequence: number): StatusReport[] {
    const reports = [...this.#due].map((taskId) => ({ taskId, status: this.#newest.get(taskId)! }));
    this.#due.clear();
    if (reports.length > 0) this.#inFlight.set(sequence, reports);
    return reports;
  }

  acknowledge(sequence: number): void {
    this.#inFlight.delete(sequence);
  }
}
