import { parseTimestamp } from '../../base/src/index.js';
import { compareStates, isTerminal } from './task-state.js';
import type { ClusterView } from './cluster-view.js';
import type { Node, Task, TaskStatus } from './objects.js';

/** Somebody still wants it to run (or, for a job, to complete). */
export function isWanted(task: Pick<Task, 'desiredState'>): boolean {
  return compareStates(task.desiredState, 'complete') <= 0;
}

/** Its container will never run again. */
export function hasEnded(task: Pick<Task, 'status'>): boolean {
  return isTerminal(task.status.state);
}

/** It ended without being asked to. */
export function endedByItself(task: Pick<Task, 'status'>): boolean {
  const { state } = task.status;
  return state === 'complete' || state === 'failed' || state === 'rejected';
}

/** A new status of a task: it keeps when the task began to run. */
export function nextStatus(before: TaskStatus, next: TaskStatus): TaskStatus {
  const runningSince = runningSinceOf(before);
  return runningSince === undefined || runningSince === next.timestamp ? next : { ...next, runningSince };
}

/** When it began to run, by its node's clock; undefined if it was never seen to. */
export function runningSinceOf({ state, timestamp, runningSince }: TaskStatus): string | undefined {
  return runningSince ?? (state === 'running' ? timestamp : undefined);
}

/** How long an ended task had run, by its node's clock; 0 if it was never seen to. */
export function ranForMs({ status }: Pick<Task, 'status'>): number {
  const since = runningSinceOf(status);
  return since === undefined ? 0 : Math.max(0, parseTimestamp(status.timestamp) - parseTimestamp(since));
}

/** It has a node that is down, or that has left the cluster: what runs there is unknown. */
export function isLost(view: ClusterView, task: Pick<Task, 'nodeId'>): boolean {
  if (task.nodeId === '') return false;
  const node = view.get('node', task.nodeId);
  return node === undefined || node.status.state === 'down';
}

/** The name that people read: `web.3`, or `web.<node id>` for a task of a global service. */
export function taskName(task: Pick<Task, 'serviceName' | 'slot' | 'nodeId'>): string {
  return `${task.serviceName}.${task.slot === 0 ? task.nodeId : task.slot}`;
}

/** The names of a task in one of its networks, beside its own: those that its template says, and its service's. */
export function aliasesOf(view: ClusterView, task: Task, networkId: string): string[] {
  const template = view.templateOf(task);
  const attachment = template?.networks.find(({ target }) => target === networkId || view.get('network', networkId)?.spec.name === target);
  if (!attachment) return task.networks.find((network) => network.networkId === networkId)?.aliases ?? [];
  return attachment.aliases.length === 0 ? [task.serviceName] : [...new Set([...attachment.aliases, task.serviceName])];
}

export function nodeName(node: Pick<Node, 'id' | 'spec' | 'status'>): string {
  return node.spec.name ?? node.status.description?.hostname ?? node.id;
}

/** Oldest first. */
export function byAge(a: Task, b: Task): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.version - b.version;
}
