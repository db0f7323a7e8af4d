import { endedByItself, hasEnded, isLost, isWanted, satisfiesAll, type ClusterView, type DecisionContext, type Service, type Task } from '../../model/src/index.js';
import { draftTask, emptyDecision, type ServiceDecision } from './decision.js';
import { takesNewTasks } from './global.js';
import { crashesInARow, restartDelayMs, shouldRestart } from './restart.js';
import { isOutdated, slotsOf, stateOf, type Slot } from './slot.js';

/** Until `totalCompletions` slots have completed, at most `maxConcurrent` of them at once. Another version begins anew. */
export function planReplicatedJob(view: ClusterView, service: Service, context: DecisionContext): ServiceDecision {
  const decision = emptyDecision();
  advanceReplicated(view, service, slotsOfIteration(view, service, decision, bySlotNumber), context, decision, { stopping: slotsThatStop(view, service, bySlotNumber) });
  return decision;
}

/** Once on every eligible node. */
export function planGlobalJob(view: ClusterView, service: Service, context: DecisionContext): ServiceDecision {
  const decision = emptyDecision();
  advanceGlobal(view, service, slotsOfIteration(view, service, decision, byNode), context, decision, { stopping: slotsThatStop(view, service, byNode) });
  return decision;
}

export const bySlotNumber = (task: Task): string => String(task.slot);
export const byNode = (task: Task): string => task.nodeId;

interface Execution {
  /** Of a schedule; absent: the only one. */
  run?: number | undefined;
  /** Slots that nothing begins in: see `slotsThatStop`. */
  stopping?: ReadonlySet<string>;
}

const none: ReadonlySet<string> = new Set();

/** One execution of a job, one step further. Is it over? */
export function advanceReplicated(view: ClusterView, service: Service, slots: ReadonlyMap<string, Slot>, context: DecisionContext, decision: ServiceDecision, { run, stopping = none }: Execution): boolean {
  const { maxConcurrent, totalCompletions } = jobSize(service);
  const open: Slot[] = [];
  let alive = 0;
  for (let number = 1; number <= totalCompletions; number++) {
    const slot = slots.get(String(number)) ?? { slot: number, nodeId: '', tasks: [] };
    const standing = stopping.has(String(number)) ? 'alive' : standingOf(view, service, slot, decision);
    if (standing === 'alive') alive++;
    if (standing === 'open') open.push(slot);
  }
  for (const slot of slots.values()) {
    if (slot.slot > totalCompletions) for (const task of slot.tasks) decision.remove.push({ task, why: `the job has ${totalCompletions} slots` });
  }
  for (const slot of open.slice(0, Math.max(0, maxConcurrent - alive))) createAttempt(slot, service, context, decision, run);
  return open.length + alive === 0;
}

/** The same of one that runs on every eligible node. */
export function advanceGlobal(view: ClusterView, service: Service, slots: ReadonlyMap<string, Slot>, context: DecisionContext, decision: ServiceDecision, { run, stopping = none }: Execution): boolean {
  let isOver = true;
  const constraints = service.spec.template.placement?.constraints ?? [];
  for (const node of view.all('node')) {
    const slot = slots.get(node.id) ?? { slot: 0, nodeId: node.id, tasks: [] };
    if (node.spec.availability === 'drain') {
      for (const task of slot.tasks.filter((candidate) => isWanted(candidate) && !hasEnded(candidate))) decision.remove.push({ task, why: 'its node is drained' });
      continue;
    }
    const standing = stopping.has(node.id) ? 'alive' : standingOf(view, service, slot, decision);
    const mayOpen = standing === 'open' && takesNewTasks(node) && satisfiesAll(node, constraints);
    if (mayOpen) createAttempt(slot, service, context, decision, run);
    if (mayOpen || standing === 'alive') isOver = false;
  }
  return isOver;
}

export function jobSize(service: Service): { maxConcurrent: number; totalCompletions: number } {
  const mode = service.spec.mode;
  if (mode.kind !== 'replicated-job') return { maxConcurrent: 1, totalCompletions: 1 };
  const totalCompletions = mode.totalCompletions ?? mode.maxConcurrent ?? 1;
  return { totalCompletions, maxConcurrent: mode.maxConcurrent ?? totalCompletions };
}

/** Slots with a task that is to go and may still run, of an earlier execution or this one: two at once might do the same work twice. */
export function slotsThatStop(view: ClusterView, service: Service, keyOf: (task: Task) => string): Set<string> {
  return new Set(view.tasksOfService(service.id).filter((task) => (!isWanted(task) || isOutdated(service, task)) && !hasEnded(task) && !isLost(view, task)).map(keyOf));
}

function slotsOfIteration(view: ClusterView, service: Service, decision: ServiceDecision, keyOf: (task: Task) => string): Map<string, Slot> {
  const tasks = view.tasksOfService(service.id).filter((task) => task.desiredState !== 'remove');
  for (const task of tasks) if (isOutdated(service, task)) decision.remove.push({ task, why: 'it is of an earlier run of the job' });
  return slotsOf(tasks.filter((task) => !isOutdated(service, task)), keyOf);
}

/** `open`: needs a task; `done`: completed, or failed for good. */
function standingOf(view: ClusterView, service: Service, slot: Slot, decision: ServiceDecision): 'open' | 'alive' | 'done' {
  const { arriving, leaving, stopping, lost, newest } = stateOf(view, service, slot);
  for (const task of lost) decision.shutdown.push({ task, why: 'its node is down' });
  for (const task of leaving) decision.shutdown.push({ task, why: 'it must leave its node' });
  if (arriving.length + leaving.length + stopping.length > 0) return 'alive';
  if (slot.tasks.some((task) => task.status.state === 'complete')) return 'done';
  return newest && endedByItself(newest) && !shouldRestart(service, slot, newest) ? 'done' : 'open';
}

function createAttempt(slot: Slot, service: Service, context: DecisionContext, decision: ServiceDecision, run: number | undefined): void {
  const newest = slot.tasks.at(-1);
  const again = newest !== undefined && endedByItself(newest);
  const crashesBefore = crashesInARow(service, newest);
  const startAfterMs = again ? context.nowMs + restartDelayMs(service, crashesBefore) : 0;
  const task = draftTask(service, { slot: slot.slot, nodeId: slot.nodeId, desiredState: 'complete', startAfterMs, crashesBefore, ...(run !== undefined && { run }) }, context);
  decision.create.push({ task, why: again ? `the attempt before is ${newest.status.state}` : 'the job needs it' });
}
