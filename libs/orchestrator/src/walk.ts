import { defaults, type Service, type UpdateConfig, type UpdateStatus } from '../../model/src/index.js';

/** Swarm's defaults for a service that says nothing about updates. */
const defaultConfig: UpdateConfig = { parallelism: 1 };

/** An update and a rollback are the same walk under two names, each by its own rules. */
export interface Walk {
  config: UpdateConfig;
  /** For how long after it began to run a new task must not fail. */
  monitorMs: number;
  word: 'update' | 'rollback';
  paused: UpdateStatus['state'];
  completed: UpdateStatus['state'];
}

/** The one that the service is on; of a service that is on none, an update's. */
export function walkOf({ spec, status }: Service): Walk {
  const state = status.update?.state;
  const isRollback = state === 'rollback_started' || state === 'rollback_paused';
  const config = (isRollback ? spec.rollback : spec.update) ?? defaultConfig;
  const monitorMs = (config.monitorNs || defaults.updateMonitorNs) / 1e6;
  return isRollback
    ? { config, monitorMs, word: 'rollback', paused: 'rollback_paused', completed: 'rollback_completed' }
    : { config, monitorMs, word: 'update', paused: 'paused', completed: 'completed' };
}
