import type { Change, ClusterView, Problem, Service } from '../../model/src/index.js';
import { inventoryOf } from './inventory.js';
import { recordRemoval } from './revisions.js';
import type { StackChange } from './stack-plan.js';

export interface StackRemoval {
  problems: Problem[];
  changes: StackChange[];
  /** One commit. Empty: there is no such stack. */
  writes: Change[];
}

/** Everything of a stack, in the order in which it was needed: services first. Refused while others use its networks or files. */
export function planStackRemoval(view: ClusterView, stack: string): StackRemoval {
  const own = inventoryOf(view, stack);
  const gone = new Set(own.services.map((service) => service.id));
  const others = [...view.all('service')].filter((service) => !gone.has(service.id));
  const members = [
    ...own.services.map((object) => ({ kind: 'service' as const, object })),
    ...own.networks.map((object) => ({ kind: 'network' as const, object })),
    ...own.secrets.map((object) => ({ kind: 'secret' as const, object })),
    ...own.configs.map((object) => ({ kind: 'config' as const, object })),
  ];
  const problems = members.flatMap(({ kind, object }): Problem[] => {
    const user = kind === 'service' ? undefined : others.find((service) => uses(service, object.id, object.spec.name));
    return user ? [{ code: 'in-use', message: `${kind} ${object.spec.name} is in use by service ${user.spec.name}, which is not of stack ${stack}: remove that first` }] : [];
  });
  const writes: Change[] = members.map(({ kind, object }) => ({ action: 'remove', kind, id: object.id }));
  writes.push(...recordRemoval(view, stack));
  return { problems, writes, changes: members.map(({ kind, object }) => ({ action: 'remove', kind, name: object.spec.name })) };
}

function uses({ spec: { template } }: Service, id: string, name: string): boolean {
  return (
    template.networks.some(({ target }) => target === id || target === name) ||
    [...template.container.secrets, ...template.container.configs].some((reference) => reference.id === id)
  );
}
