import { type ClusterView, type Service, type Task } from '../../model/src/index.js';
import { mustLeaveNode, type Slot, type SlotState } from './slot.js';
import { isUnplaceable } from './take-place.js';
import { walkOf } from './walk.js';

/**
 * Which slots may go to another node now, for their task must leave its own: because the node is drained, its labels have changed, or
 * the service could be spread better. As with an update at most `parallelism` slots are on their way, those of the update among them.
 */
export function planMoves(view: ClusterView, service: Service, states: ReadonlyMap<Slot, SlotState>, mayUpdate: ReadonlySet<Slot>): ReadonlySet<Slot> {
  const waiting: Slot[] = [];
  let busy = mayUpdate.size;
  for (const [slot, state] of states) {
    if (isOnItsWay(slot, state)) busy++;
    else if (state.arriving.length === 0 && !mayUpdate.has(slot) && state.leaving.some((task) => whyMove(view, task) !== undefined)) waiting.push(slot);
  }
  if (waiting.length === 0) return new Set();
  const { parallelism } = walkOf(service).config;
  const serves = (slot: Slot) => Number(states.get(slot)!.leaving.some((task) => task.status.state === 'running'));
  const inOrder = waiting.sort((a, b) => serves(a) - serves(b) || a.slot - b.slot);
  return new Set(inOrder.slice(0, Math.max(0, (parallelism || Infinity) - busy)));
}

/** Why a task goes elsewhere once another takes its place; undefined: it may stay. */
export function whyMove(view: ClusterView, task: Task): string | undefined {
  return mustLeaveNode(view, task) ?? (task.eviction?.kind === 'rebalance' ? task.eviction.reason : undefined);
}

/** One task takes over from another. A slot that waits for room, or that fails again and again, holds up no other. */
function isOnItsWay({ tasks }: Slot, { arriving, leaving, stopping }: SlotState): boolean {
  const [task] = arriving;
  if (!task) return false;
  if (task.status.state === 'running') return leaving.length + stopping.length > 0;
  if (tasks.length < 2 || (task.crashesBefore ?? 0) > 0) return false;
  return leaving.length > 0 || !isUnplaceable(task);
}
