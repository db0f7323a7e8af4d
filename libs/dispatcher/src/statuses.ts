import { sameJson, timestamp } from '../../base/src/index.js';
import { compareStates, hasEnded, isWanted, mayMove, nextStatus, type Change, type ClusterView, type Decide, type Task, type TaskStatus } from '../../model/src/index.js';
import { missingNodes } from './missing-nodes.js';

/** What an agent says about one task. */
export interface StatusReport {
  taskId: string;
  status: TaskStatus;
}

/** The reports were the complete inventory of the node. */
export interface Inventory {
  nowMs: number;
  /** Has the node confirmed that it stored this task's assignment? What it never knew, it cannot have lost. */
  wasApplied: (taskId: string) => boolean;
}

/**
 * The reports of one node that say something new. An agent speaks only for tasks of its own node, has nothing to say of one that it has not
 * accepted, and only moves them forward; everything else is dropped, because reports may come late and twice.
 */
export function applyStatuses(view: ClusterView, nodeId: string, reports: readonly StatusReport[], inventory?: Inventory): Change[] {
  const newest = new Map<string, TaskStatus>();
  for (const { taskId, status } of reports) {
    const task = view.get('task', taskId);
    if (task?.nodeId !== nodeId) continue;
    const before = newest.get(taskId) ?? task.status;
    const after = nextStatus(before, status);
    if (compareStates(after.state, 'assigned') > 0 && mayMove('agent', before.state, after.state) && !sameJson(before, after)) newest.set(taskId, after);
  }
  if (inventory) for (const task of missing(view, nodeId, reports, inventory)) newest.set(task.id, nextStatus(task.status, endOf(task, inventory.nowMs)));
  return [...newest].map(([id, status]) => ({ action: 'status', kind: 'task', id, status, actor: 'agent' }));
}

function missing(view: ClusterView, nodeId: string, reports: readonly StatusReport[], { wasApplied }: Inventory): Task[] {
  const reported = new Set(reports.map(({ taskId }) => taskId));
  return view.tasksOnNode(nodeId).filter((task) => !reported.has(task.id) && !hasEnded(task) && mayMove('agent', task.status.state, 'failed') && wasApplied(task.id));
}

/** A task that its node no longer knows: gone as it was told to, or lost. */
function endOf(task: Task, nowMs: number): TaskStatus {
  const past = { ...task.status, timestamp: timestamp(nowMs) };
  if (!isWanted(task)) return { ...past, state: 'shutdown', message: 'shutdown', error: '' };
  return { ...past, state: 'failed', error: 'task: lost: the node no longer knows it' };
}

/** Tasks of a node that has left the cluster are never heard of again. */
export const orphanTasks: Decide = (view, { nowMs }) => {
  const changes: Change[] = [];
  const sentences: string[] = [];
  for (const task of [...view.index(missingNodes).ids].flatMap((nodeId) => view.tasksOnNode(nodeId))) {
    if (hasEnded(task)) continue;
    const status: TaskStatus = { ...task.status, state: 'orphaned', timestamp: timestamp(nowMs), error: 'its node has left the cluster' };
    changes.push({ action: 'status', kind: 'task', id: task.id, status, actor: 'dispatcher' });
    sentences.push(`${task.serviceName} task ${task.id} is orphaned: node ${task.nodeId} has left the cluster`);
  }
  return { changes, sentences };
};
