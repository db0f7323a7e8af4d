import { timestamp } from '../../base/src/index.js';
import { hasEnded, isWanted, nodeName, obedientAgents, type Change, type ClusterView, type Decide, type DecisionContext, type IndexedView, type Task } from '../../model/src/index.js';
import { applyTo } from '../../store/src/index.js';
import { focusOn } from './focus.js';
import { letClocksStand } from './still-clocks.js';
import { subsystems } from './subsystems.js';

/** Where the tasks of some services would be, were these changes made now and every task did as it is told. */
export interface Preview {
  /** New tasks that get a node. */
  placements: { service: string; task: string; node: string }[];
  /** Tasks, new or not, that none of the nodes takes, or for a global service its own `node`. */
  pending: { service: string; task: string; node?: string; reason: string }[];
  /** False: the change concerns too many tasks, or takes too many steps, to look at all of it ahead. */
  complete: boolean;
}

/** How many tasks and nodes there may be: during a round the manager does nothing else. In a larger cluster only the tasks in question move. */
const maxObjects = 4_000;
/** How many tasks may be in question. */
const maxMoving = 10_000;
/** A copy of more tasks takes too much memory. */
const maxCopied = 300_000;
/** How many of them are looked at, in all rounds together. */
const lookBudget = 200_000;

/**
 * Lets the subsystems decide on a copy of the view, with agents that obey and a clock that jumps to whatever is waited
 * for next: an update goes through all its steps, in order, and each task is placed as it will be. `pause` is awaited
 * between rounds, for others to have their turn.
 */
export async function previewChanges(view: ClusterView, changes: readonly Change[], serviceIds: readonly string[], context: DecisionContext, pause: () => Promise<unknown>): Promise<Preview> {
  const known = new Set(serviceIds.flatMap((id) => view.tasksOfService(id).map((task) => task.id)));
  const moving = wantedTasks(changes) + known.size;
  if (moving > maxMoving || view.count('task') > maxCopied) return { placements: [], pending: [], complete: false };
  const isLarge = isTooLarge(view, moving);
  const { future, decides } = isLarge ? await focusOn(view, new Set(serviceIds), removedServices(changes), context, pause) : { future: view.fork(), decides: everybody };
  applyTo(future, changes, timestamp(context.nowMs));
  forgetOrder(future);
  const complete = await settleAhead(future, context, pause, { decides, looksPerRound: isLarge ? moving : future.count('task') + future.count('node') });
  const tasks = serviceIds.flatMap((id) => future.tasksOfService(id).filter(isRunningOrDone).sort(bySlot(future)));
  return {
    placements: tasks.filter((task) => isPlaced(task) && !known.has(task.id)).map((task) => ({ ...named(task), node: nodeNameOf(future, task) })),
    pending: tasks.filter((task) => !isPlaced(task)).map((task) => ({ ...named(task), ...(task.nodeId === '' ? {} : { node: nodeNameOf(future, task) }), reason: task.status.error || 'it waits for other tasks' })),
    complete,
  };
}

function removedServices(changes: readonly Change[]): Set<string> {
  return new Set(changes.flatMap((change) => (change.action === 'remove' && change.kind === 'service' ? [change.id] : [])));
}

/** Too many tasks and nodes to look ahead at all of them, with so many more. */
export function isTooLarge(view: ClusterView, more = 0): boolean {
  return view.count('task') + view.count('node') + more > maxObjects;
}

function wantedTasks(changes: readonly Change[]): number {
  const services = changes.flatMap((change) => ('object' in change && change.kind === 'service' ? [change.object.spec.mode] : []));
  return services.reduce((sum, mode) => sum + (mode.kind === 'replicated' ? (mode.replicas ?? 1) : 1), 0);
}

const everybody: readonly Decide[] = [...subsystems.map(({ decide }) => decide), obedientAgents];

/** Everybody decides and obeys until nobody has anything to do. False when the budget is used up first. */
export async function settleAhead(
  future: IndexedView,
  { nowMs, random }: DecisionContext,
  pause: () => Promise<unknown>,
  { decides, looksPerRound }: { decides: readonly Decide[]; looksPerRound: number } = { decides: everybody, looksPerRound: future.count('task') + future.count('node') },
): Promise<boolean> {
  letClocksStand(future);
  for (let looked = 0; looked < lookBudget; looked += looksPerRound + 100) {
    await pause();
    const round = decideOnce(future, decides, { nowMs, random });
    if (round.changed) continue;
    if (round.lookAgainAtMs === Infinity) return true;
    nowMs = Math.max(nowMs + 1, round.lookAgainAtMs);
  }
  return false;
}

function decideOnce(future: IndexedView, decides: readonly Decide[], context: DecisionContext): { changed: boolean; lookAgainAtMs: number } {
  let changed = false;
  let lookAgainAtMs = Infinity;
  for (const decide of decides) {
    const result = decide(future, context);
    lookAgainAtMs = Math.min(lookAgainAtMs, result.lookAgainAtMs ?? Infinity);
    if (result.changes.length === 0) continue;
    applyTo(future, result.changes, timestamp(context.nowMs));
    changed = true;
  }
  return { changed, lookAgainAtMs };
}

/** Tasks of jobs come to their end while one looks ahead. */
function isRunningOrDone(task: Task): boolean {
  return task.status.state === 'complete' || (isWanted(task) && !hasEnded(task));
}

/** A task of a global service has its node from the beginning, which does not say that the node takes it. */
function isPlaced(task: Task): boolean {
  return task.nodeId !== '' && task.status.state !== 'new' && task.status.state !== 'pending';
}

function named(task: Task): { service: string; task: string } {
  return { service: task.serviceName, task: task.slot === 0 ? task.serviceName : `${task.serviceName}.${task.slot}` };
}

function nodeNameOf(view: ClusterView, { nodeId }: Task): string {
  const node = view.get('node', nodeId);
  return node ? nodeName(node) : nodeId;
}

function bySlot(view: ClusterView): (a: Task, b: Task) => number {
  return (a, b) => a.slot - b.slot || (nodeNameOf(view, a) < nodeNameOf(view, b) ? -1 : 1);
}

/** Looked at ahead, nothing becomes healthy or completes as it will: all services begin at once, and their tasks go where they would go in order. */
function forgetOrder(future: IndexedView): void {
  for (const service of [...future.all('service')]) {
    const { dependsOn, ...spec } = service.spec;
    if (dependsOn) future.apply('service', service.id, { ...service, spec });
  }
}
