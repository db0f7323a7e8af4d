import { Refused } from '../../base/src/index.js';
import type { DeviceMapping, GenericResource } from '../../model/src/index.js';

/** A generic resource of the node: so many, or these. An id that is a path is a device, which the container gets. */
export interface NodeResource {
  kind: string;
  value: number;
  ids?: readonly string[];
}

/** Which of the node's resources a container has, by kind; of a kind without ids, how many. */
export type Claim = Record<string, string[] | number>;

/**
 * Chooses for a container what the scheduler has counted: named ones as they are asked for, others the first that nobody has.
 * Throws `Refused('precondition')` when the node does not have it, which is a difference of views that the next task may not meet.
 */
export function claimResources(asked: readonly GenericResource[], resources: readonly NodeResource[], taken: () => readonly Claim[]): Claim {
  const claim: Claim = {};
  for (const kind of new Set(asked.map((resource) => resource.kind))) {
    const ofKind = asked.filter((resource) => resource.kind === kind);
    const named = ofKind.flatMap((resource) => ('id' in resource ? [resource.id] : []));
    const count = ofKind.reduce((sum, resource) => sum + ('value' in resource ? resource.value : 0), 0);
    claim[kind] = choose(kind, named, count, resources.find((resource) => resource.kind === kind), taken);
  }
  return claim;
}

function choose(kind: string, named: string[], count: number, resource: NodeResource | undefined, taken: () => readonly Claim[]): string[] | number {
  if (!resource) throw new Refused('precondition', `this node has no ${kind}`);
  if (!resource.ids) return count + named.length;
  const used = new Set(taken().flatMap((claim) => (Array.isArray(claim[kind]) ? claim[kind] : [])));
  const missing = named.find((id) => !resource.ids!.includes(id) || used.has(id));
  if (missing !== undefined) throw new Refused('precondition', `${kind} ${missing} is ${resource.ids.includes(missing) ? 'in use by another task' : 'not on this node'}`);
  const free = resource.ids.filter((id) => !used.has(id) && !named.includes(id));
  if (free.length < count) throw new Refused('precondition', `${count} ${kind} are wanted, and ${free.length} of this node are free`);
  return [...named, ...free.slice(0, count)];
}

/** Docker's variable, `DOCKER_RESOURCE_GPU=…`. */
export function claimEnvironment(claim: Claim): string[] {
  return Object.entries(claim).map(([kind, what]) => `DOCKER_RESOURCE_${kind.toUpperCase()}=${Array.isArray(what) ? what.join(',') : what}`);
}

export function claimDevices(claim: Claim): DeviceMapping[] {
  const paths = Object.values(claim).flatMap((what) => (Array.isArray(what) ? what.filter((id) => id.startsWith('/')) : []));
  return paths.map((path) => ({ hostPath: path, containerPath: path, permissions: 'rwm' }));
}
