import type { Service, Task } from '../api-client/types.js';

/** After so many ends of tasks in one slot it is called a failure. */
const failuresBeforeVerdict = 3;

/** Refusals that trying again does not cure. */
const permanentRefusal = /no such image|image .*not found|not found|manifest unknown|denied|unauthorized|does not exist|invalid/i;

/** The slot of a replicated service; of a global one, the node. */
export function slotOf(task: Task): string {
  return task.Slot ? String(task.Slot) : `node ${task.NodeID ?? ''}`;
}

export function isLive(desiredState: string): boolean {
  return desiredState === 'running' || desiredState === 'ready' || desiredState === 'accepted' || desiredState === 'complete';
}

/** The newest task of each slot that is still wanted, or that has ended as it should. */
export function currentTasks(service: Service, tasks: Task[]): Task[] {
  const iteration = service.JobStatus?.JobIteration?.Index ?? 0;
  const isJob = service.Spec.Mode?.ReplicatedJob !== undefined || service.Spec.Mode?.GlobalJob !== undefined;
  const newest = new Map<string, Task>();
  for (const task of tasks) {
    if (isJob && (task.JobIteration?.Index ?? 0) !== iteration) continue;
    const slot = slotOf(task);
    const other = newest.get(slot);
    if (!other || isNewer(task, other)) newest.set(slot, task);
  }
  return [...newest.values()].filter((task) => isLive(task.DesiredState) || task.Status.State === 'complete');
}

/** Between a live task and one that is to go, the live one counts, whatever their ages. */
function isNewer(task: Task, other: Task): boolean {
  const live = isLive(task.DesiredState);
  if (live !== isLive(other.DesiredState)) return live;
  return Date.parse(task.CreatedAt) > Date.parse(other.CreatedAt);
}

export interface Verdict {
  culprit: Task;
  reason: string;
}

/** A slot whose tasks ended again and again, or that cannot be prepared at all. */
export function endedTooOften(service: Service, fresh: Task[], open: Task[]): Verdict | undefined {
  const condition = service.Spec.TaskTemplate.RestartPolicy?.Condition ?? 'any';
  const limit = attemptsAllowed(service);
  const openSlots = new Set(open.map(slotOf));
  const ended = new Map<string, Task[]>();
  for (const task of fresh) {
    const { State } = task.Status;
    if (!(State === 'failed' || State === 'rejected' || (State === 'complete' && condition === 'any' && !isJob(service)))) continue;
    const slot = slotOf(task);
    ended.set(slot, [...(ended.get(slot) ?? []), task]);
  }
  for (const [slot, tasks] of ended) {
    const newest = tasks.reduce((a, b) => (isNewer(b, a) ? b : a));
    const recovered = fresh.some((task) => slotOf(task) === slot && task.Status.State === 'running' && !openSlots.has(slot));
    if (recovered) continue;
    if (tasks.length >= limit || isPermanent(newest)) return { culprit: newest, reason: reasonOf(newest, tasks.length) };
  }
  return undefined;
}

function isJob(service: Service): boolean {
  return service.Spec.Mode?.ReplicatedJob !== undefined || service.Spec.Mode?.GlobalJob !== undefined;
}

function attemptsAllowed(service: Service): number {
  const { Condition = 'any', MaxAttempts = 0 } = service.Spec.TaskTemplate.RestartPolicy ?? {};
  if (Condition === 'none') return 1;
  return MaxAttempts > 0 ? Math.min(failuresBeforeVerdict, MaxAttempts + 1) : failuresBeforeVerdict;
}

function isPermanent({ Status }: Task): boolean {
  return Status.State === 'rejected' && permanentRefusal.test(Status.Err ?? '');
}

function reasonOf(task: Task, times: number): string {
  const often = times > 1 ? ` ${times} times` : '';
  if (task.Status.State === 'complete') return `its task ends with status 0${often} and is restarted each time (restart_policy: any)`;
  return task.Status.State === 'rejected' ? `a node cannot run its task${often && `, tried${often}`}` : `its task failed${often}`;
}
