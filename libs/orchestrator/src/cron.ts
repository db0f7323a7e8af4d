import { parseTimestamp, sameJson, timestamp } from '../../base/src/index.js';
import { hasEnded, isWanted, latestTick, nextTick, type ClusterView, type CronOptions, type CronStatus, type DecisionContext, type Service, type ServiceMode, type Task } from '../../model/src/index.js';
import { emptyDecision, lookAgainAt, type ServiceDecision } from './decision.js';
import { advanceGlobal, advanceReplicated, byNode, bySlotNumber, slotsThatStop } from './jobs.js';
import { slotsOf } from './slot.js';
import { planStopped } from './stopped.js';

/**
 * A job that runs whenever its time comes. Which runs have begun, and when the next is due, is written down together with the tasks that
 * are made for it: so each time makes one run, whoever leads when it comes. Of the times that were missed only the latest is made up for.
 */
export function planCron(view: ClusterView, service: Service, cron: CronOptions, context: DecisionContext): ServiceDecision {
  const before = service.status.cron;
  const decision = service.orders?.stopped ? planStopped(view, service) : emptyDecision();
  const status = service.orders?.stopped ? idle(service, before) : advanceRuns(view, service, cron, dueRun(service, cron, statusFor(cron, before, context.nowMs), context.nowMs), context, decision);
  if (!sameJson(status, before)) decision.cron = status;
  if (status.nextAt !== undefined) lookAgainAt(decision, parseTimestamp(status.nextAt));
  return decision;
}

/** While it is stopped no time comes; when it starts again, it begins with those that follow. */
function idle({ orders }: Service, before: CronStatus | undefined): CronStatus {
  return { schedule: '', ...(before?.run !== undefined && { run: before.run }), underWay: [], ...(orders?.runAt !== undefined && { orderedAt: orders.runAt }), message: '' };
}

function statusFor(cron: CronOptions, before: CronStatus | undefined, nowMs: number): CronStatus {
  if (before?.schedule === cron.text) return before;
  const { nextAt: _nextAt, ...rest } = before ?? { underWay: [], message: '' };
  return { ...rest, schedule: cron.text, ...nextAfter(cron, nowMs) };
}

function nextAfter(cron: CronOptions, afterMs: number): Pick<CronStatus, 'nextAt'> {
  const next = nextTick(cron.schedule, cron.timeZone, afterMs);
  return next === undefined ? {} : { nextAt: timestamp(next) };
}

interface Due {
  status: CronStatus;
  /** A run that is to begin. */
  run?: number;
}

/** What a user has ordered comes first: a time that is due meanwhile comes in the next look. */
function dueRun({ orders }: Service, cron: CronOptions, status: CronStatus, nowMs: number): Due {
  if (orders?.runAt !== undefined && orders.runAt !== status.orderedAt) return { status: { ...status, orderedAt: orders.runAt, message: '' }, run: parseTimestamp(orders.runAt) };
  if (status.nextAt === undefined || parseTimestamp(status.nextAt) > nowMs) return { status };
  const dueMs = latestTick(cron.schedule, cron.timeZone, parseTimestamp(status.nextAt), nowMs);
  const { nextAt: _nextAt, ...rest } = status;
  const after: CronStatus = { ...rest, ...nextAfter(cron, cron.schedule.everyMs === undefined ? nowMs : dueMs), message: '' };
  if (nowMs - dueMs > cron.deadlineMs) return { status: { ...after, message: `the run of ${timeText(dueMs)} was missed, and it is too late for it now` } };
  return { status: after, run: dueMs };
}

function advanceRuns(view: ClusterView, service: Service, cron: CronOptions, { status, run }: Due, context: DecisionContext, decision: ServiceDecision): CronStatus {
  const runs = new Map(status.underWay.map((one) => [one, tasksOfRun(view, service, one)]));
  for (const [one, tasks] of runs) if (advanceRun(view, service, cron, one, tasks, context, decision)) runs.delete(one);
  if (run === undefined || runs.has(run)) return { ...status, underWay: [...runs.keys()] };
  if (cron.concurrency === 'forbid' && runs.size > 0) {
    return { ...status, underWay: [...runs.keys()], message: `the run of ${timeText(run)} was left out: that of ${timeText([...runs.keys()][0]!)} is still under way` };
  }
  if (cron.concurrency === 'replace' && runs.size > 0) {
    decision.create.length = 0;
    for (const tasks of runs.values()) end(tasks, `the run of ${timeText(run)} takes its place`, decision);
    return { ...status, run, underWay: [run], message: '' };
  }
  const over = advanceRun(view, service, cron, run, [], context, decision);
  return { ...status, run, underWay: [...runs.keys(), ...(over ? [] : [run])], message: '' };
}

/** Is it over? A run goes on as it began, whatever has become of the service since. */
function advanceRun(view: ClusterView, service: Service, cron: CronOptions, run: number, tasks: readonly Task[], context: DecisionContext, decision: ServiceDecision): boolean {
  const templateVersion = tasks.at(-1)?.templateVersion ?? service.templateVersion;
  const job: Service = { ...service, templateVersion, spec: { ...service.spec, mode: jobMode(service.spec.mode, cron) } };
  const slots = (keyOf: (task: Task) => string) => slotsOf(tasks, keyOf);
  const execution = (keyOf: (task: Task) => string) => ({ run, ...(cron.concurrency !== 'allow' && { stopping: slotsThatStop(view, service, keyOf) }) });
  return job.spec.mode.kind === 'global-job'
    ? advanceGlobal(view, job, slots(byNode), context, decision, execution(byNode))
    : advanceReplicated(view, job, slots(bySlotNumber), context, decision, execution(bySlotNumber));
}

/** With the labels of swarm-cronjob a service of any mode is one. */
function jobMode(mode: ServiceMode, { tasks = 1 }: CronOptions): ServiceMode {
  if (mode.kind === 'global' || mode.kind === 'global-job') return { kind: 'global-job' };
  return mode.kind === 'replicated-job' ? mode : { kind: 'replicated-job', maxConcurrent: tasks, totalCompletions: tasks };
}

function tasksOfRun(view: ClusterView, service: Service, run: number): Task[] {
  return view.tasksOfService(service.id).filter((task) => task.run === run);
}

function end(tasks: readonly Task[], why: string, decision: ServiceDecision): void {
  for (const task of tasks) if (isWanted(task) && !hasEnded(task)) decision.shutdown.push({ task, why });
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
