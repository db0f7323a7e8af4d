import { parseTimestamp } from '../../base/src/index.js';
import { defaults, endedByItself, ranForMs, type Service, type Task } from '../../model/src/index.js';
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

/** A task that has run for so long was well: what ends it is no part of the crash loop before. */
const stableRunMs = 10_000;

const longestBackOffMs = 60_000;

/** From where doubling begins when the policy's delay is shorter, or none. */
const leastBackOffMs = 500;

/** How many tasks of the slot crashed one after the other, the one that ended last included; those of another version tell nothing about this one. */
export function crashesInARow(service: Service, ended: Task | undefined): number {
  if (!ended || ended.templateVersion !== service.templateVersion) return 0;
  if (ended.status.state !== 'failed' && ended.status.state !== 'rejected') return 0;
  return ranForMs(ended) >= stableRunMs ? 1 : (ended.crashesBefore ?? 0) + 1;
}

/**
 * How long the next task waits: the policy's delay after the first crash, and twice as long after each further one, up to a minute.
 * A policy that counts attempts within a window keeps its delay: a longer one would carry the attempts out of the window.
 */
export function restartDelayMs(service: Service, crashes: number): number {
  const { delayNs = defaults.restartDelayNs, maxAttempts, windowNs } = service.spec.template.restart ?? {};
  const delayMs = delayNs / 1e6;
  if (crashes < 2 || (maxAttempts && windowNs)) return delayMs;
  return Math.max(delayMs, Math.min(longestBackOffMs, Math.max(delayMs, leastBackOffMs) * 2 ** (crashes - 1)));
}
