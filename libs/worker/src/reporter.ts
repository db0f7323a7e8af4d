import { Bell } from '../../base/src/index.js';
import type { TaskStatus } from '../../model/src/index.js';

export interface StatusReport {
  taskId: string;
  status: TaskStatus;
}

/**
 * The newest status of every task, and which of them this session has not sent yet.
 *
 * 1. Only the newest status per task is kept: an older one that was not sent yet is never sent.
 * 2. A session begins with the whole inventory, so what an earlier one sent in vain is not lost.
 */
export class Reporter {
  readonly changed = new Bell();
  readonly #newest = new Map<string, TaskStatus>();
  readonly #due = new Set<string>();

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
    return [...this.#newest].map(([taskId, status]) => ({ taskId, status }));
  }

  /** What is due; it counts as sent. */
  take(): StatusReport[] {
    const reports = [...this.#due].map((taskId) => ({ taskId, status: this.#newest.get(taskId)! }));
    this.#due.clear();
    return reports;
  }
}
