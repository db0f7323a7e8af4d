import { parseTimestamp, timestamp } from '../../base/src/index.js';
import { defaults, endedByItself, templateId, type ClusterView, type Service, type Task, type UpdateConfig, type UpdateStatus } from '../../model/src/index.js';
import { lookAgainAt, type ServiceDecision } from './decision.js';
import { shouldRestart } from './restart.js';
import { isOutdated, type Slot, type SlotState } from './slot.js';

/** Swarm's defaults for a service that says nothing about updates. */
const defaultConfig: UpdateConfig = { parallelism: 1 };

/** How far one slot is on its way to the current version. */
type Progress = 'current' | 'outdated' | 'updating' | 'cooling';

/**
 * Which slots may go to the current version now. At most `parallelism` slots are on their way at any time;
 * a slot that has arrived keeps its place among them for `delay`. The status of the update goes into the decision.
 */
export function planUpdate(view: ClusterView, service: Service, slots: ReadonlyMap<Slot, SlotState>, nowMs: number, decision: ServiceDecision): ReadonlySet<Slot> {
  const config = service.spec.update ?? defaultConfig;
  const before = currentStatus(view, service);
  const progress = new Map([...slots].map(([slot, state]) => [slot, progressOf(service, slot, state, nowMs, config)]));
  const underWay = [...progress].filter(([, { phase }]) => phase === 'updating' || phase === 'cooling');
  const outdated = [...progress].filter(([, { phase }]) => phase === 'outdated').map(([slot]) => slot);
  if (before?.state === 'paused') return new Set();
  if (before?.state !== 'updating' && outdated.length === 0) return new Set();
  const status: UpdateStatus = before?.state === 'updating' ? before : { state: 'updating', startedAt: timestamp(nowMs), message: 'update in progress' };
  if (status !== before) decision.update = status;
  const failure = failureOf(service, slots, status, config);
  if (failure) {
    decision.update = { ...status, state: 'paused', message: failure };
    return new Set();
  }
  for (const [, { untilMs }] of underWay) if (untilMs !== undefined) lookAgainAt(decision, untilMs);
  if (outdated.length === 0 && underWay.every(([, { phase }]) => phase === 'cooling')) complete(slots, status, config, nowMs, decision);
  const limit = config.parallelism > 0 ? config.parallelism : Infinity;
  return new Set(inOrder(service, outdated, slots).slice(0, Math.max(0, limit - underWay.length)));
}

/** A status that is older than the version it should be about is of an earlier update. */
function currentStatus(view: ClusterView, service: Service): UpdateStatus | undefined {
  const { update } = service.status;
  const template = view.get('template', templateId(service.id, service.templateVersion));
  return update && template && parseTimestamp(update.startedAt) >= parseTimestamp(template.createdAt) ? update : undefined;
}

function progressOf(service: Service, slot: Slot, state: SlotState, nowMs: number, config: UpdateConfig): { phase: Progress; untilMs?: number } {
  const arriving = state.arriving[0];
  if (!arriving) return { phase: isBehind(service, slot, state) ? 'outdated' : 'current' };
  const wasOutdated = slot.tasks.some((task) => isOutdated(service, task));
  if (!wasOutdated) return { phase: 'current' };
  const failedBefore = slot.tasks.some((task) => !isOutdated(service, task) && endedByItself(task));
  const leavingOutdated = state.leaving.some((task) => isOutdated(service, task));
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
function failureOf(service: Service, slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, config: UpdateConfig): string | undefined {
  if (config.failureAction === 'continue') return undefined;
  const failed = [...slots.keys()].flatMap((slot) => slot.tasks.find((task) => hasFailedIn(service, task, status)) ?? []);
  if (failed.length === 0 || failed.length / slots.size <= (config.maxFailureRatio ?? 0)) return undefined;
  const reason = `update paused due to failure or early termination of task ${failed[0]!.id}`;
  return config.failureAction === 'rollback' ? `${reason}; roll it back with service rollback` : reason;
}

function hasFailedIn(service: Service, task: Task, status: UpdateStatus): boolean {
  if (isOutdated(service, task) || !endedByItself(task) || parseTimestamp(task.createdAt) < parseTimestamp(status.startedAt)) return false;
  const condition = service.spec.template.restart?.condition ?? 'any';
  return task.status.state !== 'complete' || condition === 'any';
}

/** Complete once nothing new has happened for the monitor period: no task was made, none began to run. */
function complete(slots: ReadonlyMap<Slot, SlotState>, status: UpdateStatus, config: UpdateConfig, nowMs: number, decision: ServiceDecision): void {
  const monitorMs = (config.monitorNs || defaults.updateMonitorNs) / 1e6;
  const startedAtMs = parseTimestamp(status.startedAt);
  const newsMs = [...slots.values()].flatMap(({ arriving }) => arriving).map((task) => parseTimestamp(task.status.state === 'running' ? task.status.timestamp : task.createdAt));
  const quietAtMs = Math.max(startedAtMs, ...newsMs) + monitorMs;
  if (quietAtMs > nowMs) return lookAgainAt(decision, quietAtMs);
  decision.update = { ...status, state: 'completed', completedAt: timestamp(nowMs), message: 'update completed' };
}

/** Slots that serve nobody lose nothing by an update; slots that failed to update wait until the others have had their turn. */
function inOrder(service: Service, outdated: Slot[], slots: ReadonlyMap<Slot, SlotState>): Slot[] {
  const serves = (slot: Slot) => Number(slots.get(slot)!.leaving.some((task) => task.status.state === 'running'));
  const failures = (slot: Slot) => slot.tasks.filter((task) => !isOutdated(service, task) && endedByItself(task)).length;
  return outdated.sort((a, b) => failures(a) - failures(b) || serves(a) - serves(b) || a.slot - b.slot);
}
