import { isRefused } from '../../../base/src/index.js';
import { autoscaleLabel, parseAutoscale, parsePlacementOptions, placementLabel, type PlacementKey } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { positionOf, scoped, servicePath, type Scope } from './scope.js';

/** What Docker's API has no words for of where tasks run, and how many, is said by labels of the service. */
export function placementLabels(scope: Scope, name: string, { deploy }: Service): Record<string, string> {
  const labels: Record<string, string> = {};
  const say = (key: PlacementKey, value: string | undefined) => value !== undefined && (labels[placementLabel(key)] = value);
  const nearby = (list: string[] | undefined) => list?.map((text) => nearbyText(scope, text)).join(',');
  const { placement } = deploy ?? {};
  say('priority', deploy?.['x-priority']?.toString());
  say('affinity', nearby(placement?.['x-affinity']));
  say('anti-affinity', nearby(placement?.['x-anti-affinity']));
  say('strategy', placement?.['x-strategy']);
  say('rebalance', placement?.['x-rebalance']?.toString());
  say('volumes', placement?.['x-volumes']);
  reject(scope, name, placement ? 'deploy.placement' : 'deploy', () => parsePlacementOptions(labels));
  const autoscale = Object.entries(deploy?.['x-autoscale'] ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  if (deploy?.['x-autoscale']) labels[autoscaleLabel] = autoscale.join(' ');
  reject(scope, name, 'deploy.x-autoscale', () => parseAutoscale(labels));
  return labels;
}

/** Services of the file go by their short names, as everywhere in it. */
function nearbyText(scope: Scope, text: string): string {
  const [service = '', ...rest] = text.split('@');
  return [scope.config.services.has(service) ? scoped(scope, service) : service, ...rest].join('@');
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
