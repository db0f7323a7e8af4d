import { parseTimestamp, timestamp } from '../../base/src/index.js';
import { ranForMs, type ClusterView, type Service, type Task, type UpdateStatus } from '../../model/src/index.js';
import { lookAgainAt, nameIn, type ServiceDecision } from './decision.js';
import { isOutdated, type Slot, type SlotState } from './slot.js';
import { couldTakePlace, isUnplaceable } from './take-place.js';
import { hasEndedIn, progressOf, whyStuck, type Progress } from './update-progress.js';
import { canariesOf, standingOf, walkOf, type Walk } from './walk.js';

/**
 * Which slots may go to the current version now. At most `parallelism` slots are on their way at any time;
 * a slot that has arrived keeps its place among them for `delay`. The status of the update goes into the decision.
 * A user's change of the service clears the status, and so begins another update or resumes a paused one. A failed update
 * whose failure action says so is rolled back, once: a rollback that fails too is paused. With canaries it halts when there are
 * enough of them, until it is promoted.
 */
export function planUpdate(view: ClusterView, service: Service, slots: ReadonlyMap<Slot, SlotState>, nowMs: number, decision: ServiceDecision): ReadonlySet<Slot> {
  const walk = walkOf(service);
  const before = service.status.update;
  const standing = standingOf(service, walk, nowMs);
  if (standing?.state === walk.paused) return new Set();
  const isUnderWay = standing?.state === walk.underWay || standing?.state === 'canary';
  const status: UpdateStatus = isUnderWay ? standing : { state: 'updating', startedAt: timestamp(nowMs), message: 'update in progress' };
  const progress = [...slots].map(([slot, state]) => progressOf(service, slot, state, status, nowMs, walk.config));
  const outdated = progress.filter(({ phase }) => phase === 'outdated').map(({ slot }) => slot);
  if (!isUnderWay && outdated.length === 0 && !progress.some(({ state }) => state.leaving.some((task) => isOutdated(service, task)))) return new Set();
  if (status !== before) decision.update = status;
  if (service.orders?.paused) return pause(status, walk, 'by the user', nowMs, decision);
  const failure = failureOf(service, slots, status, walk) ?? whyStuck(view, service, progress, status, walk, nowMs, decision);
  if (failure) {
    const { failureAction } = walk.config;
    if (walk.word !== 'update' || failureAction !== 'rollback' || !service.previousSpec) return pause(status, walk, failure, nowMs, decision);
    decision.rollBack = { state: 'rollback_started', startedAt: timestamp(nowMs), message: `update rolled back ${failure}` };
    return new Set();
  }
  const busy = progress.filter(({ phase }) => phase === 'updating' || phase === 'cooling');
  for (const { untilMs } of busy) if (untilMs !== undefined) lookAgainAt(decision, untilMs);
  const room = (walk.config.parallelism > 0 ? walk.config.parallelism : Infinity) - busy.length;
  const canaries = canariesOf(service, walk, slots.size);
  const canariesLeft = canaries - (slots.size - outdated.length);
  if (busy.every(({ phase }) => phase === 'cooling')) {
    if (outdated.length === 0) complete(slots, status, walk, nowMs, decision);
    else if (canariesLeft <= 0) awaitPromotion(slots, status, walk, { now: slots.size - outdated.length, nowMs }, decision);
  }
  tellWhoMakesRoom(view, progress, status, decision);
  return new Set(inOrder(service, outdated, slots, status).slice(0, Math.max(0, Math.min(room, canariesLeft))));
}

function pause(status: UpdateStatus, walk: Walk, why: string, nowMs: number, decision: ServiceDecision): ReadonlySet<Slot> {
  decision.update = { ...status, state: walk.paused, haltedAt: timestamp(nowMs), message: `${walk.word} paused ${why}` };
  return new Set();
}

/** Why the update must stop; undefined: it may go on. */
function failureOf(service: Service, slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, { config, monitorMs }: Walk): string | undefined {
  if (config.failureAction === 'continue') return undefined;
  const hasFailed = (task: Task) => hasEndedIn(service, task, status) && (status.state === 'canary' || ranForMs(task) < monitorMs);
  const failed = [...slots.keys()].flatMap((slot) => slot.tasks.find(hasFailed) ?? []);
  if (failed.length === 0 || failed.length / slots.size <= (config.maxFailureRatio ?? 0)) return undefined;
  return `due to failure or early termination of task ${failed[0]!.id}`;
}

/** Complete once nothing new has happened for the monitor period. */
function complete(slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, walk: Walk, nowMs: number, decision: ServiceDecision): void {
  const quietAtMs = quietSinceMs(slots, status) + walk.monitorMs;
  if (quietAtMs > nowMs) return lookAgainAt(decision, quietAtMs);
  const { haltedAt: _haltedAt, ...rest } = status;
  decision.update = { ...rest, state: walk.completed, completedAt: timestamp(nowMs), message: `${walk.word} completed` };
}

/** The canaries have run through their monitor period: from now on somebody looks after them. */
function awaitPromotion(slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, walk: Walk, { now, nowMs }: { now: number; nowMs: number }, decision: ServiceDecision): void {
  const quietAtMs = quietSinceMs(slots, status) + walk.monitorMs;
  if (status.state !== 'canary' && quietAtMs > nowMs) return lookAgainAt(decision, quietAtMs);
  const message = `canary: ${now} of ${slots.size} tasks are new; the others wait for the update to be promoted or aborted`;
  if (status.state !== 'canary' || status.message !== message) decision.update = { ...status, state: 'canary', haltedAt: status.haltedAt ?? timestamp(nowMs), message };
}

/** When a task was made or began to run last. */
function quietSinceMs(slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus): number {
  const newsMs = [...slots.values()].flatMap(({ arriving }) => arriving).map((task) => parseTimestamp(task.status.state === 'running' ? task.status.timestamp : task.createdAt));
  return newsMs.reduce((latest, atMs) => Math.max(latest, atMs), parseTimestamp(status.startedAt));
}

/** An order that cannot be kept is said, once. */
function tellWhoMakesRoom(view: ClusterView, progress: readonly Progress[], status: UpdateStatus, decision: ServiceDecision): void {
  if (decision.update && decision.update !== status) return;
  for (const { state: { arriving, leaving } } of progress) {
    const [task] = arriving;
    const incumbent = leaving.find((one) => one.status.state === 'running');
    if (!task || !incumbent || !isUnplaceable(task) || !couldTakePlace(view, task, incumbent)) continue;
    const message = `update in progress: ${nameIn(view, incumbent)} stops before its successor starts, for no node takes both`;
    if (status.message !== message) decision.update = { ...status, message };
    return;
  }
}

/** Slots that serve nobody lose nothing by an update; slots that failed to update wait until the others have had their turn. */
function inOrder(service: Service, outdated: Slot[], slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus): Slot[] {
  const serves = (slot: Slot) => Number(slots.get(slot)!.leaving.some((task) => task.status.state === 'running'));
  const failures = (slot: Slot) => slot.tasks.filter((task) => hasEndedIn(service, task, status)).length;
  return outdated.sort((a, b) => failures(a) - failures(b) || serves(a) - serves(b) || a.slot - b.slot);
}
