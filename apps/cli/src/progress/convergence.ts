import type { ClusterNode, Cron, Service, Task, Wait } from '../api-client/types.js';
import { currentTasks, endedTooOften, isLive, slotOf } from './slots.js';

/** What the manager says at one moment. */
export interface Snapshot {
  services: Service[];
  /** Only tasks of their service's present spec. */
  tasks: Task[];
  /** Tasks of every spec, when some service was rolled back. */
  allTasks?: Task[];
  nodes: ClusterNode[];
}

/** What was so before the change that is waited for: old failures are not held against it. */
export interface Baseline {
  taskIds: Set<string>;
  /** Each service's UpdateStatus as JSON, by id. */
  updateStatus: Map<string, string>;
  /** What is waited for is a run of a cron service. */
  awaitsRun?: boolean;
}

export const emptyBaseline: Baseline = { taskIds: new Set(), updateStatus: new Map() };

/** `canary`: some tasks are new, as was asked for, and the update waits for a user. */
export type ServiceOutcome = 'waiting' | 'converged' | 'canary' | 'failed' | 'rolled-back';

export interface ServiceProgress {
  id: string;
  name: string;
  outcome: ServiceOutcome;
  done: number;
  wanted: number;
  /** What the ones that are not done are doing: `1 preparing, 1 pending`. */
  detail: string;
  /** Why it failed or what it waits for, when the manager gave a reason. */
  reason?: string;
  /** The task to look at when something is wrong. */
  culprit?: Task;
  /** Changes when a task that counts is replaced. */
  stableKey: string;
}

/** How far one service is from what its spec asks for. */
export function assessService(service: Service, snapshot: Snapshot, baseline: Baseline): ServiceProgress {
  const tasks = snapshot.tasks.filter((task) => task.ServiceID === service.ID);
  const downNodes = new Set(snapshot.nodes.filter((node) => node.Status?.State === 'down').map((node) => node.ID));
  if (service.Shoal?.Stopped) return stoppedService(service, tasks);
  const current = currentTasks(service, tasks);
  const cron = service.Shoal?.Cron;
  if (cron && !isRunAwaited(service, cron, current, baseline)) return cronService(service, cron);
  const isDone = doneRule(service, downNodes);
  const finished = current.filter(isDone);
  const open = current.filter((task) => !isDone(task));
  const wanted = wantedCount(service);
  const progress: ServiceProgress = {
    id: service.ID,
    name: service.Spec.Name,
    outcome: finished.length === wanted ? 'converged' : 'waiting',
    done: finished.length,
    wanted,
    detail: detailOf(open, wanted - finished.length),
    stableKey: finished.map((task) => task.ID).sort().join(' '),
    ...hintOf(open, latestFailure(tasks, finished, baseline)),
  };
  const wait = service.Shoal?.Waiting;
  if (wait) return heldBack(progress, wait);
  return withFailures(withUpdate(progress, service, snapshot, baseline), service, tasks, open, baseline);
}

/** `depends_on`: nothing of it is made before what it waits for is there. */
function heldBack({ id, name, done, wanted, stableKey }: ServiceProgress, { Message, Failed }: Wait): ServiceProgress {
  return { id, name, done, wanted, stableKey, outcome: Failed ? 'failed' : 'waiting', detail: 'held back', reason: Message };
}

/** A run that was not there before, or is to begin. What has no jobs' mode does not say when it has completed. */
function isRunAwaited({ Spec }: Service, { UnderWay }: Cron, current: Task[], baseline: Baseline): boolean {
  if (!baseline.awaitsRun) return false;
  if (!Spec.Mode?.ReplicatedJob && !Spec.Mode?.GlobalJob) return false;
  return current.some((task) => !baseline.taskIds.has(task.ID)) || (current.length === 0 && UnderWay !== undefined);
}

/** Between its runs there is nothing to wait for. */
function cronService({ ID, Spec }: Service, { NextRun }: Cron): ServiceProgress {
  return { id: ID, name: Spec.Name, outcome: 'converged', done: 0, wanted: 0, detail: NextRun ? `next run at ${NextRun.slice(0, 19)}Z` : 'it never runs by itself', stableKey: '' };
}

/** It is where it should be when nothing of it is left. */
function stoppedService({ ID, Spec }: Service, tasks: Task[]): ServiceProgress {
  const left = tasks.filter((task) => ['assigned', 'accepted', 'preparing', 'ready', 'starting', 'running'].includes(task.Status.State)).length;
  return { id: ID, name: Spec.Name, outcome: left === 0 ? 'converged' : 'waiting', done: 0, wanted: 0, detail: left === 0 ? 'stopped' : `${left} stopping`, stableKey: String(left) };
}

/** The service has been removed while it was waited for. */
export function goneService(id: string, name: string): ServiceProgress {
  return { id, name, outcome: 'failed', done: 0, wanted: 0, detail: '', reason: 'the service was removed', stableKey: '' };
}

function wantedCount(service: Service): number {
  const { Mode = {} } = service.Spec;
  const { DesiredTasks = 0, CompletedTasks = 0 } = service.ServiceStatus ?? {};
  if (Mode.ReplicatedJob) return Mode.ReplicatedJob.TotalCompletions ?? Mode.ReplicatedJob.MaxConcurrent ?? 1;
  if (Mode.GlobalJob) return DesiredTasks + CompletedTasks;
  if (Mode.Global) return DesiredTasks;
  return Mode.Replicated?.Replicas ?? 1;
}

/** When a task needs nothing more: it runs on a live node, or it has done what it was for. */
function doneRule(service: Service, downNodes: Set<string>): (task: Task) => boolean {
  const { Mode = {} } = service.Spec;
  if (Mode.ReplicatedJob || Mode.GlobalJob) return (task) => task.Status.State === 'complete';
  const mayEnd = (service.Spec.TaskTemplate.RestartPolicy?.Condition ?? 'any') !== 'any';
  return (task) => {
    if (task.Status.State === 'complete') return mayEnd;
    return task.Status.State === 'running' && isLive(task.DesiredState) && !downNodes.has(task.NodeID ?? '');
  };
}

function detailOf(open: Task[], missing: number): string {
  const counts = new Map<string, number>();
  for (const task of open) counts.set(task.Status.State, (counts.get(task.Status.State) ?? 0) + 1);
  const unmade = missing - open.length;
  if (unmade > 0) counts.set('to be created', unmade);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}

/** Why it is not done yet: what holds a task up now, or else how the last one ended. */
function hintOf(open: Task[], failure: Task | undefined): Pick<ServiceProgress, 'reason' | 'culprit'> {
  const stuck = open.find((task) => task.Status.Err) ?? failure;
  if (!stuck) return {};
  const waitsForRestart = failure && slotOf(failure) === slotOf(stuck) && !isUnplaced(stuck);
  return { reason: stuck.Status.Err || stuck.Status.Message, culprit: waitsForRestart ? failure : stuck };
}

function isUnplaced({ Status }: Task): boolean {
  return Status.State === 'new' || Status.State === 'pending';
}

function latestFailure(tasks: Task[], finished: Task[], baseline: Baseline): Task | undefined {
  const doneSlots = new Set(finished.map(slotOf));
  const failed = tasks.filter(
    (task) => ['failed', 'rejected'].includes(task.Status.State) && !baseline.taskIds.has(task.ID) && !doneSlots.has(slotOf(task)),
  );
  return failed.sort((a, b) => Date.parse(b.CreatedAt) - Date.parse(a.CreatedAt))[0];
}

function withUpdate(progress: ServiceProgress, service: Service, snapshot: Snapshot, baseline: Baseline): ServiceProgress {
  const status = service.UpdateStatus;
  const old = baseline.updateStatus.get(service.ID) === JSON.stringify(status ?? null);
  if (!status?.State || old) return progress;
  const message = status.Message ?? '';
  switch (status.State) {
    case 'updating':
      return { ...progress, outcome: 'waiting', detail: progress.detail || 'update goes on' };
    case 'rollback_started':
      return { ...progress, outcome: 'waiting', detail: 'rolling back', reason: message };
    case 'rollback_completed':
      return { ...progress, outcome: 'rolled-back', ...whyRolledBack(service, snapshot, message, baseline) };
    case 'paused':
      if (service.Shoal?.Canary) return { ...progress, outcome: 'canary', reason: message };
      return { ...progress, outcome: 'failed', reason: message || 'the update is paused' };
    case 'rollback_paused':
      return { ...progress, outcome: 'failed', reason: message || 'the rollback is paused' };
    case 'completed':
      return progress;
  }
}

/** Is it back at the spec before, so that what failed is of no present spec? */
export function wasRolledBack({ UpdateStatus }: Service): boolean {
  return UpdateStatus?.State === 'rollback_completed';
}

function whyRolledBack(service: Service, { allTasks = [] }: Snapshot, message: string, baseline: Baseline): Pick<ServiceProgress, 'reason' | 'culprit'> {
  const culprit = latestFailure(allTasks.filter((task) => task.ServiceID === service.ID), [], baseline);
  return culprit ? { reason: culprit.Status.Err || culprit.Status.Message, culprit } : { reason: message };
}

function withFailures(
  progress: ServiceProgress,
  service: Service,
  tasks: Task[],
  open: Task[],
  baseline: Baseline,
): ServiceProgress {
  if (progress.outcome !== 'waiting' || rollsBackByItself(service)) return progress;
  const fresh = tasks.filter((task) => !baseline.taskIds.has(task.ID));
  const verdict = endedTooOften(service, fresh, open);
  return verdict ? { ...progress, outcome: 'failed', ...verdict } : progress;
}

/** An update that will be rolled back when it fails must be let to. */
function rollsBackByItself({ UpdateStatus, Spec }: Service): boolean {
  if (UpdateStatus?.State === 'rollback_started') return true;
  return UpdateStatus?.State === 'updating' && Spec.UpdateConfig?.['FailureAction'] === 'rollback';
}
