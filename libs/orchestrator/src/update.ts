import { parseTimestamp, timestamp } from '../../base/src/index.js';
import { endedByItself, ranForMs, type Service, type Task, type UpdateConfig, type UpdateStatus } from '../../model/src/index.js';
import { lookAgainAt, type ServiceDecision } from './decision.js';
import { shouldRestart } from './restart.js';
import { isOutdated, type Slot, type SlotState } from './slot.js';
import { walkOf, type Walk } from './walk.js';

/** How far one slot is on its way to the current version. */
type Progress = 'current' | 'outdated' | 'updating' | 'cooling';

/**
 * Which slots may go to the current version now. At most `parallelism` slots are on their way at any time;
 * a slot that has arrived keeps its place among them for `delay`. The status of the update goes into the decision.
 * A user's change of the service clears the status, and so begins another update or resumes a paused one. A failed update
 * whose failure action says so is rolled back, once: a rollback that fails too is paused.
 */
export function planUpdate(service: Service, slots: ReadonlyMap<Slot, SlotState>, nowMs: number, decision: ServiceDecision): ReadonlySet<Slot> {
  const walk = walkOf(service);
  const { config } = walk;
  const before = service.status.update;
  if (before?.state === walk.paused) return new Set();
  const isUnderWay = before?.state === 'updating' || before?.state === 'rollback_started';
  const status: UpdateStatus = isUnderWay ? before : { state: 'updating', startedAt: timestamp(nowMs), message: 'update in progress' };
  const progress = [...slots].map(([slot, state]) => ({ slot, ...progressOf(service, slot, state, status, nowMs, config) }));
  const outdated = progress.filter(({ phase }) => phase === 'outdated').map(({ slot }) => slot);
  if (!isUnderWay && outdated.length === 0) return new Set();
  if (status !== before) decision.update = status;
  const failure = failureOf(service, slots, status, walk);
  if (failure) {
    if (walk.word === 'update' && config.failureAction === 'rollback' && service.previousSpec) {
      decision.rollBack = { state: 'rollback_started', startedAt: timestamp(nowMs), message: `update rolled back ${failure}` };
    } else {
      decision.update = { ...status, state: walk.paused, message: `${walk.word} paused ${failure}` };
    }
    return new Set();
  }
  const busy = progress.filter(({ phase }) => phase === 'updating' || phase === 'cooling');
  for (const { untilMs } of busy) if (untilMs !== undefined) lookAgainAt(decision, untilMs);
  if (outdated.length === 0 && busy.every(({ phase }) => phase === 'cooling')) complete(slots, status, walk, nowMs, decision);
  const limit = config.parallelism > 0 ? config.parallelism : Infinity;
  return new Set(inOrder(service, outdated, slots, status).slice(0, Math.max(0, limit - busy.length)));
}

function progressOf(service: Service, slot: Slot, state: SlotState, status: UpdateStatus, nowMs: number, config: UpdateConfig): { phase: Progress; untilMs?: number } {
  const arriving = state.arriving[0];
  if (!arriving) return { phase: isBehind(service, slot, state) ? 'outdated' : 'current' };
  const wasOutdated = slot.tasks.some((task) => isOutdated(service, task));
  if (!wasOutdated) return { phase: 'current' };
  const failedBefore = slot.tasks.some((task) => hasEndedIn(service, task, status));
  // With start-first also while it stops: until then it is one more than replicas.
  const leavingOutdated = [...state.leaving, ...state.stopping].some((task) => isOutdated(service, task));
  if (arriving.status.state !== 'running') return { phase: failedBefore && !leavingOutdated ? 'current' : 'updating' };
  if (leavingOutdated) return { phase: 'updating' };
  const untilMs = parseTimestamp(arriving.status.timestamp) + (config.delayNs ?? 0) / 1e6;
  return untilMs > nowMs ? { phase: 'cooling', untilMs } : { phase: 'current' };
}

function isBehind(service: Service, slot: Slot, state: SlotState): boolean {
  if (state.leaving.some((task) => isOutdated(service, task))) return true;
  const { newest } = state;
  return newest !== undefined && state.leaving.length === 0 && isOutdated(service, newest) && endedByItself(newest) && !shouldRestart(service, slot, newest);
}

/** Why the update must stop; undefined: it may go on. */
function failureOf(service: Service, slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, { config, monitorMs }: Walk): string | undefined {
  if (config.failureAction === 'continue') return undefined;
  const hasFailed = (task: Task) => hasEndedIn(service, task, status) && ranForMs(task) < monitorMs;
  const failed = [...slots.keys()].flatMap((slot) => slot.tasks.find(hasFailed) ?? []);
  if (failed.length === 0 || failed.length / slots.size <= (config.maxFailureRatio ?? 0)) return undefined;
  return `due to failure or early termination of task ${failed[0]!.id}`;
}

/** Is it a task that this update made, and that ended although it should not have? */
function hasEndedIn(service: Service, task: Task, status: UpdateStatus): boolean {
  if (isOutdated(service, task) || !endedByItself(task) || parseTimestamp(task.createdAt) < parseTimestamp(status.startedAt)) return false;
  const condition = service.spec.template.restart?.condition ?? 'any';
  return task.status.state !== 'complete' || condition === 'any';
}

/** Complete once nothing new has happened for the monitor period: no task was made, none began to run. */
function complete(slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, { monitorMs, word, completed }: Walk, nowMs: number, decision: ServiceDecision): void {
  const startedAtMs = parseTimestamp(status.startedAt);
  const newsMs = [...slots.values()].flatMap(({ arriving }) => arriving).map((task) => parseTimestamp(task.status.state === 'running' ? task.status.timestamp : task.createdAt));
  const quietAtMs = newsMs.reduce((latest, atMs) => Math.max(latest, atMs), startedAtMs) + monitorMs;
  if (quietAtMs > nowMs) return lookAgainAt(decision, quietAtMs);
  decision.update = { ...status, state: completed, completedAt: timestamp(nowMs), message: `${word} completed` };
}

/** Slots that serve nobody lose nothing by an update; slots that failed to update wait until the others have had their turn. */
function inOrder(service: Service, outdated: Slot[], slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus): Slot[] {
  const serves = (slot: Slot) => Number(slots.get(slot)!.leaving.some((task) => task.status.state === 'running'));
  const failures = (slot: Slot) => slot.tasks.filter((task) => hasEndedIn(service, task, status)).length;
  return outdated.sort((a, b) => failures(a) - failures(b) || serves(a) - serves(b) || a.slot - b.slot);
}
