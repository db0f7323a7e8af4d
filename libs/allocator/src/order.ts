import type { Stored, Task } from '../../model/src/index.js';

/** Who came first is served first. Ties by id, so that two managers decide alike. */
export function byCreation(a: Stored, b: Stored): number {
  return compareText(a.createdAt, b.createdAt) || compareText(a.id, b.id);
}

/** The same for tasks, where those that were made at once go by slot. */
export function byCreationAndSlot(a: Task, b: Task): number {
  return compareText(a.createdAt, b.createdAt) || compareText(a.serviceName, b.serviceName) || a.slot - b.slot || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
