import { isRefused, parseDurationMs, Refused } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import type { Labels, ServiceSpec } from './service.js';

/*
 * What Docker's API has no words for of updates stands in labels of the service: clients that know nothing of it keep it, show it, and
 * can set it; and a change of it restarts no task.
 *
 *   shoal.update.progress-deadline=10m     or `none`
 *   shoal.update.canary=1                  or `10%`
 *   shoal.drain-delay=5s
 */

/** How many tasks an update replaces before it waits for somebody to promote it. */
export type Canary = { tasks: number } | { percent: number };

export interface UpdateOptions {
  /** How long an update may go on without any progress before that counts as its failure. Infinity: for ever. */
  progressDeadlineMs: number;
  /** Absent: the update does not wait. */
  canary?: Canary;
  /** How long a task serves the connections that it has, once it gets no new ones and before its stop signal. Absent: a moment. */
  drainDelayMs?: number;
}

const labelOfOption = {
  'progress-deadline': 'shoal.update.progress-deadline',
  canary: 'shoal.update.canary',
  'drain-delay': 'shoal.drain-delay',
} as const;
export type UpdateOptionKey = keyof typeof labelOfOption;

export function updateOptionLabel(key: UpdateOptionKey): string {
  return labelOfOption[key];
}

export const defaultProgressDeadlineMs = 10 * 60_000;

/** `Refused` when a label makes no sense. */
export function parseUpdateOptions(labels: Labels): UpdateOptions {
  const say = (key: UpdateOptionKey) => labels[labelOfOption[key]];
  const canary = say('canary');
  const drainDelay = say('drain-delay');
  return {
    progressDeadlineMs: deadlineOf(say('progress-deadline')),
    ...(canary !== undefined && { canary: canaryOf(canary) }),
    ...(drainDelay !== undefined && { drainDelayMs: durationOf('drain-delay', drainDelay) }),
  };
}

const none: UpdateOptions = { progressDeadlineMs: defaultProgressDeadlineMs };
const known = new WeakMap<Labels, UpdateOptions>();

/** Of a service that was admitted. A label that was never checked counts for nothing: the service was stored by an older manager. */
export function updateOptionsOf({ labels }: Pick<ServiceSpec, 'labels'>): UpdateOptions {
  let options = known.get(labels);
  if (!options) known.set(labels, (options = Object.values(labelOfOption).some((label) => label in labels) ? lenient(labels) : none));
  return options;
}

function lenient(labels: Labels): UpdateOptions {
  try {
    return parseUpdateOptions(labels);
  } catch (error) {
    if (isRefused(error)) return none;
    throw error;
  }
}

export function checkUpdateOptions({ labels, mode }: ServiceSpec): Problem[] {
  try {
    const { canary } = parseUpdateOptions(labels);
    if (canary && mode.kind.endsWith('-job')) return [{ code: 'invalid', message: `${labelOfOption.canary}: a job is not updated task by task` }];
    return [];
  } catch (error) {
    if (!isRefused(error)) throw error;
    return [{ code: error.code, message: error.message }];
  }
}

/** Of so many slots; at least one. */
export function canaryCount(canary: Canary, slots: number): number {
  return 'tasks' in canary ? canary.tasks : Math.max(1, Math.ceil((slots * canary.percent) / 100));
}

function deadlineOf(text: string | undefined): number {
  if (text === undefined) return defaultProgressDeadlineMs;
  if (text === 'none') return Infinity;
  const deadlineMs = durationOf('progress-deadline', text);
  if (deadlineMs === 0) throw new Refused('invalid', `${labelOfOption['progress-deadline']}: 0 leaves no time for anything; write none to wait for ever`);
  return deadlineMs;
}

function canaryOf(text: string): Canary {
  const [, digits = '', percent] = /^([0-9]{1,9})(%?)$/.exec(text) ?? [];
  const amount = Number(digits);
  if (amount === 0 || (percent && amount > 100)) throw new Refused('invalid', `${labelOfOption.canary}: "${text}" is neither a number of tasks such as 1 nor a share of them such as 10%`);
  return percent ? { percent: amount } : { tasks: amount };
}

function durationOf(key: UpdateOptionKey, text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined || durationMs < 0) throw new Refused('invalid', `${labelOfOption[key]}: "${text}" is not a duration such as 90s or 10m`);
  return durationMs;
}
