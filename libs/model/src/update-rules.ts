import { formatDuration } from '../../base/src/index.js';
import { defaults } from './service.js';
import { defaultProgressDeadlineMs } from './update-options.js';

/** One thing that a stack file can say of how a service is updated. */
export interface UpdateRule {
  /** Below `deploy`. */
  key: string;
  default: string;
  meaning: string;
}

/** Every one of them: docs/updates.md is made from it. */
export const updateRules: readonly UpdateRule[] = [
  { key: 'update_config.parallelism', default: '1', meaning: 'how many slots are on their way at once; 0: all' },
  { key: 'update_config.delay', default: '0s', meaning: 'how long a slot that has arrived keeps its place among them' },
  { key: 'update_config.order', default: 'stop-first', meaning: '`stop-first`: prepare the new task, stop the old one, start the new one; `start-first`: stop the old one once the new one has run through the monitor period' },
  { key: 'update_config.monitor', default: formatDuration(BigInt(defaults.updateMonitorNs)), meaning: 'how long a new task must run; one that ends earlier is a failure of the update' },
  { key: 'update_config.failure_action', default: 'pause', meaning: '`pause`, `continue` (the failed slot is tried again after the others) or `rollback`' },
  { key: 'update_config.max_failure_ratio', default: '0', meaning: 'the share of slots that may fail before that happens' },
  { key: 'update_config.x-progress-deadline', default: formatDuration(BigInt(defaultProgressDeadlineMs) * 1_000_000n), meaning: 'how long an update may go on without any slot arriving; then it has failed; `none`: for ever' },
  { key: 'update_config.x-canary', default: 'none', meaning: 'so many tasks, or such a share of them (`10%`), are replaced; then the update waits to be promoted or aborted' },
  { key: 'rollback_config.…', default: 'as above', meaning: 'the first six for the way back; `failure_action` is `pause` or `continue`' },
  { key: 'x-drain-delay', default: '200ms', meaning: 'how long a task that gets no new connections any more is left to those that it has, before its stop signal' },
];
