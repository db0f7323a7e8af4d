import { parseTimestamp, timestamp } from '../../base/src/index.js';
import { canaryCount, defaults, updateOptionsOf, type Service, type UpdateConfig, type UpdateStatus } from '../../model/src/index.js';

/** Swarm's defaults for a service that says nothing about updates. */
const defaultConfig: UpdateConfig = { parallelism: 1 };

/** An update and a rollback are the same walk under two names, each by its own rules. */
export interface Walk {
  config: UpdateConfig;
  /** For how long after it began to run a new task must not fail. Infinity: a canary must never. */
  monitorMs: number;
  /** How long the walk may go on without any progress. */
  progressDeadlineMs: number;
  word: 'update' | 'rollback';
  underWay: UpdateStatus['state'];
  paused: UpdateStatus['state'];
  completed: UpdateStatus['state'];
}

/** The one that the service is on; of a service that is on none, an update's. */
export function walkOf({ spec, status }: Service): Walk {
  const state = status.update?.state;
  const isRollback = state === 'rollback_started' || state === 'rollback_paused';
  const config = (isRollback ? spec.rollback : spec.update) ?? defaultConfig;
  const monitorMs = (config.monitorNs || defaults.updateMonitorNs) / 1e6;
  const { progressDeadlineMs } = updateOptionsOf(spec);
  return isRollback
    ? { config, monitorMs, progressDeadlineMs, word: 'rollback', underWay: 'rollback_started', paused: 'rollback_paused', completed: 'rollback_completed' }
    : { config, monitorMs, progressDeadlineMs, word: 'update', underWay: 'updating', paused: 'paused', completed: 'completed' };
}

/** Where the walk stands when what the user has ordered since is obeyed. Its failures and its deadline count from then on. */
export function standingOf({ orders, status: { update } }: Service, walk: Walk, nowMs: number): UpdateStatus | undefined {
  if (!update) return undefined;
  const goOn = (message: string): UpdateStatus => ({ state: walk.underWay, startedAt: timestamp(nowMs), message });
  if (update.state === 'canary' && orders?.promoted) return goOn('update in progress: the canary was promoted');
  const isResumed = orders?.resumedAt !== undefined && parseTimestamp(orders.resumedAt) > parseTimestamp(update.haltedAt ?? update.startedAt);
  if (update.state === walk.paused && isResumed && !orders.paused) return goOn(`${walk.word} in progress: it was resumed`);
  return update;
}

/** How many of so many slots may be new while nobody has promoted the update. */
export function canariesOf({ spec, orders }: Service, walk: Walk, slots: number): number {
  const { canary } = updateOptionsOf(spec);
  return canary && walk.word === 'update' && !orders?.promoted ? canaryCount(canary, slots) : Infinity;
}
