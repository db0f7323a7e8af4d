import { isLost, isWanted, type AssignedTask, type AssignmentItem, type ClusterView } from '../../model/src/index.js';

/** What a node was sent, and what its network agrees with: versions of one session's assignments. */
export interface Follower {
  readonly sentVersion: number;
  readonly appliedVersion: number;
  /** False once the session is over. */
  readonly isOpen: boolean;
  knowsService(serviceId: string): boolean;
}

interface Drain {
  serviceId: string;
  sinceMs: number;
  /** Versions that the followers must have applied. Absent until the endpoint's new state has been sent. */
  waitingFor?: { follower: Follower; version: number }[];
  /** Since then no new connection has come. */
  quietSinceMs?: number;
  isOver: boolean;
}

/** A node that is cut off, or slow, holds up nobody for longer. */
export const drainCapMs = 2_000;

/** What a request that came last of all has to be answered: most servers drop it when they get their stop signal. */
export const lingerMs = 200;

/**
 * The order in which a serving task goes: every node stops sending it new connections, those that it has get a moment, then it
 * gets its stop signal.
 *
 * For each change of the store: `holds` for every task that is about to be told to stop, then `sent` when all nodes have been
 * sent their assignments, then `settle`, which says whether some of the held ones may be told now.
 */
export class Draining {
  readonly #drains = new Map<string, Drain>();

  /** Must this task not be told yet? `before` is what its node was told last. */
  holds(view: ClusterView, before: AssignmentItem | undefined, item: AssignmentItem, nowMs: number): boolean {
    if (item.kind !== 'task' || before?.kind !== 'task' || !isWanted(before.value) || isWanted(item.value)) return false;
    const known = this.#drains.get(item.key);
    if (known) return !known.isOver;
    if (!serves(view, item.value)) return false;
    this.#drains.set(item.key, { serviceId: item.value.serviceId, sinceMs: nowMs, isOver: false });
    return true;
  }

  /** Every follower has been sent the present state, or will be with its next version. */
  sent(followers: Iterable<Follower>): void {
    const all = [...followers];
    for (const drain of this.#drains.values()) {
      drain.waitingFor ??= all.filter((follower) => follower.knowsService(drain.serviceId)).map((follower) => ({ follower, version: follower.sentVersion }));
    }
  }

  /** Ends the drains that nobody has to be waited for. `released`: assignments must be sent again. */
  settle(view: ClusterView, nowMs: number): { released: boolean; lookAgainInMs?: number } {
    let released = false;
    let lookAgainInMs: number | undefined;
    for (const [taskId, drain] of this.#drains) {
      const task = view.get('task', taskId);
      if (!task || isWanted(task) || task.status.state !== 'running') {
        this.#drains.delete(taskId);
        released ||= !drain.isOver;
        continue;
      }
      if (drain.isOver) continue;
      const inMs = endOf(drain, nowMs) - nowMs;
      if (inMs <= 0) drain.isOver = released = true;
      else lookAgainInMs = Math.min(lookAgainInMs ?? Infinity, inMs);
    }
    return { released, ...(lookAgainInMs !== undefined && { lookAgainInMs }) };
  }
}

/** When it is over, as far as is known now. */
function endOf(drain: Drain, nowMs: number): number {
  const isQuiet = drain.waitingFor?.every(({ follower, version }) => !follower.isOpen || follower.appliedVersion >= version) ?? false;
  if (isQuiet) drain.quietSinceMs ??= nowMs;
  return Math.min(drain.sinceMs + drainCapMs, drain.quietSinceMs === undefined ? Infinity : drain.quietSinceMs + lingerMs);
}

/** Somebody may be sent to it: its service still exists and the task runs. */
function serves(view: ClusterView, { id, serviceId }: AssignedTask): boolean {
  const task = view.get('task', id);
  const service = view.get('service', serviceId);
  if (!task || !service || task.status.state !== 'running' || isLost(view, task)) return false;
  return task.networks.length > 0;
}
