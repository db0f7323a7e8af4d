import { sameJson } from '../../base/src/index.js';
import type { ResourceLimits, TaskTemplate } from './service.js';

/** Limits that the kernel changes under a running container; the others are its own from its start to its end. */
const changeableLimits = ['nanoCpus', 'cpuQuotaUs', 'cpuPeriodUs', 'memoryBytes', 'memorySwapBytes', 'pids'] as const satisfies (keyof ResourceLimits)[];

export type ChangeableLimits = Pick<ResourceLimits, (typeof changeableLimits)[number]>;

/** Those that an agent gives to a container while it runs; what is absent is without limit. */
export function changeableLimitsOf(limits: ResourceLimits = {}): ChangeableLimits {
  return Object.fromEntries(changeableLimits.flatMap((key) => (limits[key] === undefined ? [] : [[key, limits[key]]])));
}

/**
 * Do tasks of one template have to be replaced for the other? All but these makes new containers:
 *
 * - the restart policy: the orchestrator reads it from the service;
 * - the placement, but for platforms: a task whose node no longer satisfies the constraints moves, the others stay;
 * - limits of processors, memory and processes: the agent writes them into the container's cgroup;
 * - aliases in networks: only names, which the nodes are told of with the endpoints.
 */
export function needsNewTasks(before: TaskTemplate, after: TaskTemplate): boolean {
  return !sameJson(whatContainersAreMadeOf(before), whatContainersAreMadeOf(after));
}

function whatContainersAreMadeOf({ restart: _restart, placement, resources, networks, ...rest }: TaskTemplate): object {
  const lasting = Object.entries(resources?.limits ?? {}).filter(([key]) => !(changeableLimits as readonly string[]).includes(key));
  return {
    ...rest,
    platforms: placement?.platforms.length ? placement.platforms : undefined,
    limits: Object.fromEntries(lasting),
    reservations: resources?.reservations,
    networks: networks.map(({ aliases: _aliases, ...attachment }) => attachment),
  };
}
