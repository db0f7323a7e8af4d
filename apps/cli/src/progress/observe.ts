import type { ApiClient } from '../api-client/client.js';
import { isNotFound } from '../api-client/errors.js';
import type { Filters } from '../api-client/filters.js';
import { listByIds } from '../api-client/list-by-ids.js';
import type { ClusterNode, Service, Task } from '../api-client/types.js';
import { assessService, goneService, wasRolledBack, type Baseline, type ServiceProgress, type Snapshot } from './convergence.js';

/** A service that is waited for; the name is for when it vanishes. */
export interface Awaited {
  id: string;
  name: string;
}

/** One look at the services: three requests, whatever their number; one more when some were rolled back. */
export async function lookAtServices(
  api: ApiClient,
  awaited: Awaited[],
  baseline: Baseline,
  signal: AbortSignal,
): Promise<ServiceProgress[]> {
  const ids = awaited.map(({ id }) => id);
  const services = await listByIds<Service>(api, '/services', 'id', ids, { query: { status: true }, signal });
  const known = new Map(services.map((service) => [service.ID, service]));
  const [tasks, nodes] = await Promise.all([
    tasksOf(api, [...known.keys()], true, signal),
    api.get<ClusterNode[] | null>('/nodes', { signal }),
  ]);
  const rolledBack = services.filter(wasRolledBack).map((service) => service.ID);
  const allTasks = rolledBack.length > 0 ? await tasksOf(api, rolledBack, false, signal) : [];
  const snapshot: Snapshot = { services, tasks, allTasks, nodes: nodes ?? [] };
  return awaited.map(({ id, name }) => {
    const service = known.get(id);
    return service ? assessService(service, snapshot, baseline) : goneService(id, name);
  });
}

/** What there is before a change; see `Baseline`. */
export async function lookBefore(api: ApiClient, services: Service[]): Promise<Baseline> {
  const tasks = await tasksOf(api, services.map((service) => service.ID), false);
  return {
    taskIds: new Set(tasks.map((task) => task.ID)),
    updateStatus: new Map(services.map((service) => [service.ID, JSON.stringify(service.UpdateStatus ?? null)])),
  };
}

async function tasksOf(api: ApiClient, serviceIds: string[], upToDate: boolean, signal?: AbortSignal): Promise<Task[]> {
  const filters: Filters = upToDate ? { '_up-to-date': ['true'] } : {};
  try {
    return await listByIds<Task>(api, '/tasks', 'service', serviceIds, { filters, signal });
  } catch (error) {
    if (isNotFound(error)) return []; // a service was removed since; the next look will say so
    throw error;
  }
}
