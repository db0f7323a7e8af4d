import { isRefused } from '../../../base/src/index.js';
import { cronLabel, parseCronOptions, parseUpdateOptions, updateOptionLabel, type CronKey, type UpdateOptionKey } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { positionOf, servicePath, type Scope } from './scope.js';

/** What Docker's API has no words for of updates and schedules is said by labels of the service. */
export function updateLabels(scope: Scope, name: string, { deploy }: Service): Record<string, string> {
  const labels: Record<string, string> = {};
  const say = (key: UpdateOptionKey, value: string | undefined) => value !== undefined && (labels[updateOptionLabel(key)] = value);
  say('progress-deadline', deploy?.update_config?.['x-progress-deadline']);
  say('canary', deploy?.update_config?.['x-canary']?.toString());
  reject(scope, name, 'deploy.update_config', () => parseUpdateOptions(labels));
  say('drain-delay', deploy?.['x-drain-delay']);
  reject(scope, name, 'deploy.x-drain-delay', () => parseUpdateOptions({ [updateOptionLabel('drain-delay')]: deploy?.['x-drain-delay'] ?? '0s' }));
  for (const [key, value] of Object.entries(deploy?.['x-cron'] ?? {})) if (value !== undefined) labels[cronLabel(key as CronKey)] = value.toString();
  reject(scope, name, 'deploy.x-cron', () => parseCronOptions(labels));
  return labels;
}

/** What the manager would refuse is told with its place. */
function reject(scope: Scope, name: string, key: string, read: () => unknown): void {
  const path = servicePath(name, key);
  try {
    read();
  } catch (error) {
    if (!isRefused(error)) throw error;
    scope.findings.problem(positionOf(scope, path), path, error.message);
  }
}
