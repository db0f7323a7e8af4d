import { parseTimestamp } from '../../base/src/index.js';
import { byAge, endedByItself, hasEnded, isLost, isWanted, satisfiesAll, type ClusterView, type Service, type Task } from '../../model/src/index.js';

/** One place of a service: a number of a replicated one, a node of a global one. Oldest task first; tasks to be removed are not in it. */
export interface Slot {
  slot: number;
  /** Of a global service. */
  nodeId: string;
  tasks: Task[];
}

/** The tasks of one slot, told apart by what they need. */
export interface SlotState {
  /** Current version on a good node. More than one only after a mistake. */
  arriving: Task[];
  /** Alive, but outdated, evicted, or on a node that it must leave. */
  leaving: Task[];
  /** Told to stop, and not known to have. */
  stopping: Task[];
  /** Wanted, but on a node that is down or gone. */
  lost: Task[];
  /** Wanted, but ended. */
  ended: Task[];
  /** What the slot came to last: see `newestOf`. */
  newest: Task | undefined;
}

export function slotsOf(tasks: readonly Task[], keyOf: (task: Task) => string): Map<string, Slot> {
  const slots = new Map<string, Slot>();
  for (const task of tasks) {
    if (task.desiredState === 'remove') continue;
    const key = keyOf(task);
    let slot = slots.get(key);
    if (!slot) slots.set(key, (slot = { slot: task.slot, nodeId: task.slot === 0 ? task.nodeId : '', tasks: [] }));
    slot.tasks.push(task);
  }
  for (const slot of slots.values()) if (slot.tasks.length > 1) slot.tasks.sort(byAge);
  return slots;
}

export function stateOf(view: ClusterView, service: Service, slot: Slot): SlotState {
  const state: SlotState = { arriving: [], leaving: [], stopping: [], lost: [], ended: [], newest: newestOf(service, slot) };
  for (const task of slot.tasks) {
    const bucket = bucketOf(view, service, task);
    if (bucket) state[bucket].push(task);
  }
  return state;
}

/**
 * The task whose end the restart policy is decided on: the youngest, unless that is left from an update that was rolled back,
 * and the task that stayed has ended by itself since.
 */
export function newestOf(service: Service, { tasks }: Slot): Task | undefined {
  const youngest = tasks.at(-1);
  if (!youngest || !isOutdated(service, youngest)) return youngest;
  const createdAtMs = parseTimestamp(youngest.createdAt);
  return tasks.findLast((task) => !isOutdated(service, task) && endedByItself(task) && parseTimestamp(task.status.timestamp) >= createdAtMs) ?? youngest;
}

function bucketOf(view: ClusterView, service: Service, task: Task): Exclude<keyof SlotState, 'newest'> | undefined {
  if (hasEnded(task)) return isWanted(task) ? 'ended' : undefined;
  const lost = isLost(view, task);
  if (!isWanted(task)) return lost ? undefined : 'stopping';
  if (lost) return 'lost';
  return isOutdated(service, task) || task.eviction || mustLeaveNode(view, task) ? 'leaving' : 'arriving';
}

export function isOutdated(service: Service, task: Task): boolean {
  return task.templateVersion !== service.templateVersion;
}

/** Why a task must leave its node although that is alive; undefined: it may stay. */
export function mustLeaveNode(view: ClusterView, task: Task): string | undefined {
  const node = view.get('node', task.nodeId);
  if (!node) return undefined;
  if (node.spec.availability === 'drain') return 'its node is drained';
  if (!satisfiesAll(node, view.templateOf(task)?.placement?.constraints ?? [])) return 'its node no longer satisfies the placement constraints';
  return undefined;
}
