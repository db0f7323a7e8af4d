import { isLost, isWanted, updateOptionsOf, type AssignedTask, type AssignmentItem, type ClusterView } from '../../model/src/index.js';

/** What a node was sent, and what its network agrees with: versions of one session's assignments. */
export interface Follower {
  readonly nodeId: string;
  readonly sentVersion: number;
  readonly appliedVersion: number;
  /** False once the session is over. */
  readonly isOpen: boolean;
  /** Its network may send connections to the service: it was sent it, or has not applied yet that it is gone. */
  knowsService(serviceId: string): boolean;
}

interface Drain {
  serviceId: string;
  sinceMs: number;
  /** By node: from which version of its session on it knows. A node that is alive and not in here has not been told. */
  told: Map<string, { follower: Follower; version: number }>;
  /** How long it goes on without new connections. */
  lingerMs: number;
  /** Since then no new connection has come. */
  quietSinceMs?: number;
  isOver: boolean;
}

/** A node that is cut off, or slow, holds up nobody for longer. */
export const drainCapMs = 2_000;

/** What a request that came last of all has to be answered: most servers drop it when they get their stop signal. A service may give it longer. */
export const lingerMs = 200;

/**
 * The order in which a serving task goes: every node that is alive stops sending it new connections, those that it has get a
 * moment, then it gets its stop signal.
 *
 * For each change of the store: `holdBack` for every task that is about to be told to stop, then `sent` when all nodes have been
 * sent their assignments, then `settle`, which says whether some of the held ones may be told now.
 */
export class Draining {
  readonly #drains = new Map<string, Drain>();

  /**
   * What the node is to be told of the task instead, for now; undefined: `item`, as it is. `before` is what this session told it last. A new
   * session does not know what an earlier one, or an earlier leader, has told: then the task is held as if nobody had been told.
   */
  holdBack(view: ClusterView, before: AssignmentItem | undefined, item: AssignmentItem, nowMs: number): AssignmentItem | undefined {
    if (item.kind !== 'task' || isWanted(item.value)) return undefined;
    const lastWord = before?.kind === 'task' ? before : { kind: item.kind, key: item.key, value: { ...item.value, desiredState: 'running' as const } };
    if (!isWanted(lastWord.value)) return undefined;
    const known = this.#drains.get(item.key);
    if (known) return known.isOver ? undefined : lastWord;
    if (!serves(view, item.value)) return undefined;
    this.#drains.set(item.key, { serviceId: item.value.serviceId, sinceMs: nowMs, told: new Map(), lingerMs: lingerOf(view, item.value), isOver: false });
    return lastWord;
  }

  /** Every follower has been sent the present state, or will be with its next version. */
  sent(followers: Iterable<Follower>): void {
    if (this.#drains.size === 0) return;
    for (const follower of followers) {
      for (const { serviceId, told } of this.#drains.values()) {
        if (told.get(follower.nodeId)?.follower === follower) continue;
        told.set(follower.nodeId, { follower, version: follower.knowsService(serviceId) ? follower.sentVersion : 0 });
      }
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
      const inMs = endOf(drain, view, nowMs) - nowMs;
      if (inMs <= 0) drain.isOver = released = true;
      else lookAgainInMs = Math.min(lookAgainInMs ?? Infinity, inMs);
    }
    return { released, ...(lookAgainInMs !== undefined && { lookAgainInMs }) };
  }
}

/** When it is over, as far as is known now. */
function endOf(drain: Drain, view: ClusterView, nowMs: number): number {
  // A node that comes back meanwhile does not know yet, and sends connections again.
  if (!isQuiet(drain, view)) delete drain.quietSinceMs;
  else drain.quietSinceMs ??= nowMs;
  const latestMs = drain.sinceMs + drainCapMs + drain.lingerMs - lingerMs;
  return Math.min(latestMs, drain.quietSinceMs === undefined ? Infinity : drain.quietSinceMs + drain.lingerMs);
}

function lingerOf(view: ClusterView, { serviceId }: AssignedTask): number {
  const service = view.get('service', serviceId);
  return Math.max(lingerMs, service ? (updateOptionsOf(service.spec).drainDelayMs ?? 0) : 0);
}

/** A node that is said to be ready and has no session may well send connections: its session is lost, or this leader is new. */
function isQuiet({ told }: Drain, view: ClusterView): boolean {
  for (const node of view.all('node')) {
    if (node.status.state !== 'ready') continue;
    const word = told.get(node.id);
    if (!word || !word.follower.isOpen || word.follower.appliedVersion < word.version) return false;
  }
  return true;
}

/** Somebody may be sent to it: its service still exists and the task runs. */
function serves(view: ClusterView, { id, serviceId }: AssignedTask): boolean {
  const task = view.get('task', id);
  const service = view.get('service', serviceId);
  if (!task || !service || task.status.state !== 'running' || isLost(view, task)) return false;
  return task.networks.length > 0;
}
