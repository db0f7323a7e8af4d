import { stackLabel, type Change, type ClusterView, type Config, type Labels, type Network, type Secret, type Service } from '../../model/src/index.js';
import { recordRemoval } from './revisions.js';

/** Everything that belongs to one stack, whoever deployed it. */
export interface StackInventory {
  services: Service[];
  networks: Network[];
  secrets: Secret[];
  configs: Config[];
}

export function inventoryOf(view: ClusterView, stack: string): StackInventory {
  const belongs = (object: { spec: { labels: Labels } }) => object.spec.labels[stackLabel] === stack;
  return {
    services: [...view.all('service')].filter(belongs),
    networks: [...view.all('network')].filter(belongs),
    secrets: [...view.all('secret')].filter(belongs),
    configs: [...view.all('config')].filter(belongs),
  };
}

/** Names of all stacks: those with a record, and those that only labels tell of (deployed by the docker CLI). Sorted. */
export function stackNames(view: ClusterView): string[] {
  const names = new Set<string>();
  for (const stack of view.all('stack')) names.add(stack.id);
  for (const service of view.all('service')) {
    const name = service.spec.labels[stackLabel];
    if (name !== undefined) names.add(name);
  }
  return [...names].sort();
}

/**
 * Removing one object of a stack: its last one takes the stack's record along. So a stack that the docker CLI
 * takes apart piece by piece is gone at the end.
 */
export function removalOfStackMember(view: ClusterView, kind: 'service' | 'network' | 'secret' | 'config', object: { id: string; spec: { labels: Labels } }): Change[] {
  const removal: Change = { action: 'remove', kind, id: object.id };
  const stack = object.spec.labels[stackLabel];
  if (stack === undefined) return [removal];
  const { services, networks, secrets, configs } = inventoryOf(view, stack);
  const isLast = services.length + networks.length + secrets.length + configs.length <= 1;
  return isLast ? [removal, ...recordRemoval(view, stack)] : [removal];
}
