import { formatDuration, parseTimestamp } from '../../base/src/index.js';
import { defaults, endedByItself, runningSinceOf, updateOptionsOf, type ClusterView, type Service, type Task, type UpdateConfig, type UpdateStatus } from '../../model/src/index.js';
import { lookAgainAt, nameIn, type ServiceDecision } from './decision.js';
import { shouldRestart } from './restart.js';
import { isOutdated, type Slot, type SlotState } from './slot.js';
import type { Walk } from './walk.js';

/** How far one slot is on its way to the current version. */
type Phase = 'current' | 'outdated' | 'updating' | 'cooling';

export interface Progress {
  slot: Slot;
  state: SlotState;
  phase: Phase;
  /** Until then it is cooling. */
  untilMs?: number;
}

export function progressOf(service: Service, slot: Slot, state: SlotState, status: UpdateStatus, nowMs: number, config: UpdateConfig): Progress {
  return { slot, state, ...phaseOf(service, slot, state, status, nowMs, config) };
}

function phaseOf(service: Service, slot: Slot, state: SlotState, status: UpdateStatus, nowMs: number, config: UpdateConfig): { phase: Phase; untilMs?: number } {
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

/** Is it a task that this update made, and that ended although it should not have? */
export function hasEndedIn(service: Service, task: Task, status: UpdateStatus): boolean {
  if (isOutdated(service, task) || !endedByItself(task) || parseTimestamp(task.createdAt) < parseTimestamp(status.startedAt)) return false;
  const condition = service.spec.template.restart?.condition ?? 'any';
  return task.status.state !== 'complete' || condition === 'any';
}

/**
 * Why a walk counts as failed that does not get on: no slot has got a new task that runs through its monitor period, within the
 * deadline since the last one has. Undefined: there is time left. What a slot may take by the service's own rules is not counted.
 */
export function whyStuck(view: ClusterView, service: Service, progress: readonly Progress[], status: UpdateStatus, walk: Walk, nowMs: number, decision: ServiceDecision): string | undefined {
  const waiting = progress.filter(({ phase }) => phase === 'updating' || phase === 'outdated');
  if (waiting.length === 0 || walk.progressDeadlineMs === Infinity || status.state === 'canary') return undefined;
  const graceMs = (service.spec.template.container.stopGraceNs ?? defaults.stopGraceNs) / 1e6;
  const ownMs = walk.monitorMs + graceMs + (updateOptionsOf(service.spec).drainDelayMs ?? 0);
  const stuckAtMs = lastProgressMs(progress, status, walk, nowMs) + ownMs + walk.progressDeadlineMs;
  if (nowMs < stuckAtMs) {
    lookAgainAt(decision, stuckAtMs);
    return undefined;
  }
  return `because nothing has got on for ${formatDuration(BigInt(Math.round(walk.progressDeadlineMs * 1e6)))}: ${whatWaits(view, service, waiting)}`;
}

/** A task that ended soon was no progress: else one that crashes again and again would be. */
function lastProgressMs(progress: readonly Progress[], status: UpdateStatus, { config, monitorMs }: Walk, nowMs: number): number {
  let lastMs = parseTimestamp(status.startedAt);
  for (const { state } of progress) {
    for (const { status: { state: now, timestamp } } of state.arriving) {
      if (now !== 'running' || parseTimestamp(timestamp) + monitorMs > nowMs) continue;
      lastMs = Math.max(lastMs, parseTimestamp(timestamp) + monitorMs + (config.delayNs ?? 0) / 1e6);
    }
  }
  return lastMs;
}

function whatWaits(view: ClusterView, service: Service, waiting: readonly Progress[]): string {
  const [{ slot, state }] = [waiting.find((one) => one.phase === 'updating') ?? waiting[0]!];
  const old = [...state.leaving, ...state.stopping][0];
  const task = state.arriving[0] ?? slot.tasks.findLast((one) => !isOutdated(service, one)) ?? old;
  if (!task) return `slot ${slot.slot} waits`;
  if (state.arriving[0] && runningSinceOf(task.status) !== undefined && old) return `${nameIn(view, old)} does not stop`;
  return `${nameIn(view, task)} is ${task.status.state}${task.status.error ? `: ${task.status.error}` : ''}`;
}
