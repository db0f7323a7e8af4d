import { timestamp } from '../../base/src/index.js';
import { hasEnded, isWanted, nodeName, type Change, type ClusterView, type DecisionContext, type Task } from '../../model/src/index.js';
import { applyTo } from '../../store/src/index.js';
import { isTooLarge, settleAhead } from './preview.js';

/** What would become of the tasks that run now, were these changes made and every task did as it is told. */
export interface Outlook {
  moves: { service: string; task: string; from: string; to: string }[];
  /** Tasks that would have no node any more. */
  pending: { service: string; task: string; from: string; reason: string }[];
  /** Tasks without a successor, such as those of global services on a drained node. */
  gone: { service: string; task: string; from: string }[];
  /** False: the cluster is too large, or it takes too many steps, to look at all of it ahead. */
  complete: boolean;
}

/** `pause` is awaited between rounds, for others to have their turn. The view stays as it is. */
export async function outlook(view: ClusterView, changes: readonly Change[], context: DecisionContext, pause: () => Promise<unknown>): Promise<Outlook> {
  const result: Outlook = { moves: [], pending: [], gone: [], complete: false };
  if (isTooLarge(view)) return result;
  const future = view.fork();
  applyTo(future, changes, timestamp(context.nowMs));
  result.complete = await settleAhead(future, context, pause);
  const after = bySlot(future);
  for (const [slot, task] of bySlot(view)) {
    if (task.nodeId === '' || !hasNode(task)) continue;
    const successor = after.get(slot);
    const name = { service: task.serviceName, task: task.slot === 0 ? task.serviceName : `${task.serviceName}.${task.slot}`, from: nodeNamed(view, task.nodeId) };
    if (!successor) result.gone.push(name);
    else if (!hasNode(successor)) result.pending.push({ ...name, reason: successor.status.error || 'it waits for other tasks' });
    else if (successor.nodeId !== task.nodeId) result.moves.push({ ...name, to: nodeNamed(future, successor.nodeId) });
  }
  return result;
}

/** The task of each slot, by service and number, or node of a global one; of jobs only those that run. */
function bySlot(view: ClusterView): Map<string, Task> {
  const tasks = new Map<string, Task>();
  for (const task of view.all('task')) {
    const isDone = task.status.state === 'complete' && task.desiredState === 'complete';
    if (!isDone && (!isWanted(task) || hasEnded(task))) continue;
    const key = `${task.serviceId} ${task.slot === 0 ? task.nodeId : task.slot}`;
    const other = tasks.get(key);
    if (!other || (!hasNode(other) && hasNode(task))) tasks.set(key, task);
  }
  return new Map([...tasks].sort(([, a], [, b]) => (a.serviceName === b.serviceName ? a.slot - b.slot : a.serviceName < b.serviceName ? -1 : 1)));
}

/** A task of a global service has its node from the beginning, which does not say that the node takes it. */
function hasNode({ nodeId, status }: Task): boolean {
  return nodeId !== '' && status.state !== 'new' && status.state !== 'pending';
}

function nodeNamed(view: ClusterView, nodeId: string): string {
  const node = view.get('node', nodeId);
  return node ? nodeName(node) : nodeId;
}
