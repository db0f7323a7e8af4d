import { timestamp, type Random } from '../../base/src/index.js';
import { compareStates, nodeName, rollBackChanges, taskName, type Change, type ClusterView, type CronStatus, type DecisionContext, type Draft, type Service, type Task, type TaskState, type UpdateStatus } from '../../model/src/index.js';

/** A task and the reason for what happens to it, for people. */
export interface Because {
  task: Task;
  why: string;
}

/** What one service needs, in named buckets. */
export interface ServiceDecision {
  create: { task: Draft<Task>; why: string }[];
  /** Prepared tasks that may run now. */
  start: Task[];
  /** Evicted tasks that may stay after all. */
  stay: Because[];
  /** Replaced or ended tasks that stay as history. */
  shutdown: Because[];
  /** Tasks whose slot is gone: nothing of them stays. */
  remove: Because[];
  update?: UpdateStatus;
  /** The service goes back to its previous spec, with this status. It comes alone: the rest would be for a spec that is on its way out. */
  rollBack?: UpdateStatus;
  cron?: CronStatus;
  lookAgainAtMs?: number;
}

export function emptyDecision(): ServiceDecision {
  return { create: [], start: [], stay: [], shutdown: [], remove: [] };
}

/** The earliest of the times at which the decision would be another one. */
export function lookAgainAt(decision: { lookAgainAtMs?: number }, atMs: number): void {
  decision.lookAgainAtMs = Math.min(decision.lookAgainAtMs ?? Infinity, atMs);
}

export interface NewTask {
  slot: number;
  /** Set for tasks of global services. */
  nodeId?: string;
  desiredState: TaskState;
  startAfterMs?: number;
  crashesBefore?: number;
  /** Of a cron service. */
  run?: number;
}

export function draftTask(service: Service, parts: NewTask, { nowMs, random }: { nowMs: number; random: Random }): Draft<Task> {
  const now = timestamp(nowMs);
  return {
    id: random.id(),
    createdAt: now,
    updatedAt: now,
    serviceId: service.id,
    serviceName: service.spec.name,
    slot: parts.slot,
    templateVersion: service.templateVersion,
    nodeId: parts.nodeId ?? '',
    desiredState: parts.desiredState,
    networks: [],
    hostPorts: (service.spec.endpoint?.ports ?? []).filter((port) => port.publishMode === 'host'),
    startAfterMs: parts.startAfterMs ?? 0,
    ...(parts.crashesBefore && { crashesBefore: parts.crashesBefore }),
    ...(parts.run !== undefined && { run: parts.run }),
    status: { state: 'new', timestamp: now, message: 'created', error: '' },
  };
}

export function toChanges(view: ClusterView, service: Service, decision: ServiceDecision, context: DecisionContext): Change[] {
  if (decision.rollBack) return rollBackChanges(view, service, decision.rollBack);
  const changes: Change[] = [];
  const { update, cron } = decision;
  // First: were a run made and not written down, it would be made again.
  if (update || cron) changes.push({ action: 'status', kind: 'service', id: service.id, status: { ...service.status, ...(update && { update }), ...(cron && { cron }) }, actor: 'orchestrator' });
  for (const { task } of decision.create) changes.push({ action: 'create', kind: 'task', object: task });
  for (const task of decision.start) changes.push(desire(task, 'running', context));
  for (const { task } of decision.stay) changes.push(...letStay(task, context));
  for (const { task } of decision.shutdown) changes.push(...shutDown(task, context));
  for (const { task } of decision.remove) changes.push(desire(task, 'remove', context));
  return changes;
}

export function desire(task: Task, desiredState: TaskState, { nowMs }: DecisionContext): Change {
  return { action: 'update', kind: 'task', object: { ...task, desiredState, updatedAt: timestamp(nowMs) }, expect: task.version };
}

function letStay({ eviction: _eviction, ...task }: Task, { nowMs }: DecisionContext): Change[] {
  return [{ action: 'update', kind: 'task', object: { ...task, updatedAt: timestamp(nowMs) }, expect: task.version }];
}

/** No agent knows a task that has no node yet: its end is ours to write. */
function shutDown(task: Task, context: DecisionContext): Change[] {
  const changes = [desire(task, 'shutdown', context)];
  if (compareStates(task.status.state, 'assigned') < 0) {
    const status = { state: 'shutdown', timestamp: timestamp(context.nowMs), message: 'shutdown', error: '' } as const;
    changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'orchestrator', status });
  }
  return changes;
}

export function toSentences(view: ClusterView, service: Service, decision: ServiceDecision): string[] {
  if (decision.rollBack) return [`service ${service.spec.name}: ${decision.rollBack.message}`];
  return [
    ...(decision.cron?.message ? [`service ${service.spec.name}: ${decision.cron.message}`] : []),
    ...decision.create.map(({ task, why }) => `create ${nameIn(view, task)}${task.desiredState === 'ready' ? ', prepared only' : ''}: ${why}`),
    ...decision.start.map((task) => `start ${placeIn(view, task)}`),
    ...decision.stay.map(({ task, why }) => `let ${placeIn(view, task)} stay: ${why}`),
    ...decision.shutdown.map(({ task, why }) => `shut down ${placeIn(view, task)}: ${why}`),
    ...decision.remove.map(({ task, why }) => `remove ${placeIn(view, task)}: ${why}`),
    ...(decision.update ? [`service ${service.spec.name}: ${decision.update.message}`] : []),
  ];
}

export function nameIn(view: ClusterView, task: Pick<Task, 'serviceName' | 'slot' | 'nodeId'>): string {
  const node = view.get('node', task.nodeId);
  return task.slot === 0 && node ? `${task.serviceName}.${nodeName(node)}` : taskName(task);
}

export function placeIn(view: ClusterView, task: Task): string {
  const node = view.get('node', task.nodeId);
  return `${nameIn(view, task)}${node && task.slot !== 0 ? ` on ${nodeName(node)}` : ''}`;
}
