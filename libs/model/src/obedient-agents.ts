import { timestamp } from '../../base/src/index.js';
import type { Change } from './change.js';
import type { ClusterView } from './cluster-view.js';
import type { Decide, DecisionResult } from './decision.js';
import type { Task } from './objects.js';
import { hasEnded, isWanted, nextStatus } from './task-queries.js';
import { compareStates, mayMove, type TaskState } from './task-state.js';

/** Agents that do at once what they are told, on every node that is ready: for tests, and for looking ahead. */
export const obedientAgents: Decide = (view, { nowMs }) => obey(view, view.all('task'), nowMs);

/** The same for some tasks. */
export function obey(view: ClusterView, tasks: Iterable<Task>, nowMs: number): DecisionResult {
  const changes: Change[] = [];
  let lookAgainAtMs = Infinity;
  for (const task of tasks) {
    if (task.startAfterMs > nowMs && isWanted(task)) lookAgainAtMs = Math.min(lookAgainAtMs, task.startAfterMs);
    const state = view.get('node', task.nodeId)?.status.state === 'ready' ? nextState(task, nowMs) : undefined;
    if (state && state !== task.status.state) changes.push(report(task, state, nowMs));
  }
  return { changes, lookAgainAtMs };
}

/** What an agent would report about a task. */
export function report(task: Task, state: TaskState, nowMs: number, more: { error?: string; exitCode?: number } = {}): Change {
  const container = more.exitCode === undefined ? {} : { container: { id: `container-of-${task.id}`, pid: 0, exitCode: more.exitCode } };
  const message = state === 'running' ? 'started' : state;
  const status = { state, timestamp: timestamp(nowMs), message, error: more.error ?? '', ...container };
  return { action: 'status', kind: 'task', id: task.id, actor: 'agent', status: nextStatus(task.status, status) };
}

function nextState(task: Task, nowMs: number): TaskState | undefined {
  if (hasEnded(task) || compareStates(task.status.state, 'assigned') < 0) return undefined;
  if (!isWanted(task)) return 'shutdown';
  if (task.desiredState === 'ready' || task.startAfterMs > nowMs) return mayMove('agent', task.status.state, 'ready') ? 'ready' : undefined;
  return task.desiredState === 'complete' ? 'complete' : 'running';
}
