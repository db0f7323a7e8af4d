import { parseTimestamp } from '../../base/src/index.js';
import { defaults, endedByItself, type Service, type Task } from '../../model/src/index.js';
import type { Slot } from './slot.js';

/** Shall a slot whose newest task ended by itself get another one? */
export function shouldRestart(service: Service, slot: Slot, ended: Task): boolean {
  const policy = service.spec.template.restart;
  if (policy?.condition === 'none') return false;
  const isJob = service.spec.mode.kind.endsWith('-job');
  if ((policy?.condition === 'on-failure' || isJob) && ended.status.state === 'complete') return false;
  const maxAttempts = policy?.maxAttempts ?? 0;
  return maxAttempts === 0 || restartsBefore(service, slot, ended) < maxAttempts;
}

/**
 * How often the slot was restarted already: its tasks of this version that came after one that ended by itself,
 * within the window before the last end. Counted from the end, not from now, so that the answer does not change while we look.
 */
function restartsBefore(service: Service, slot: Slot, ended: Task): number {
  const windowMs = (service.spec.template.restart?.windowNs ?? 0) / 1e6;
  const sinceMs = windowMs > 0 ? parseTimestamp(ended.status.timestamp) - windowMs : -Infinity;
  const attempts = slot.tasks.filter((task) => task.templateVersion === ended.templateVersion);
  return attempts.filter((task, index) => index > 0 && endedByItself(attempts[index - 1]!) && parseTimestamp(task.createdAt) >= sinceMs).length;
}

export function restartDelayMs(service: Service): number {
  return (service.spec.template.restart?.delayNs ?? defaults.restartDelayNs) / 1e6;
}
