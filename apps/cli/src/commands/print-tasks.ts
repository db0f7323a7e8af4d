import type { ApiClient } from '../api-client/client.js';
import { isNotFound } from '../api-client/errors.js';
import type { ClusterNode, Service, Task } from '../api-client/types.js';
import { taskListing } from '../lists/tasks.js';
import { printListing } from '../output/listing.js';
import type { Session } from '../session.js';
import type { TaskListFlags } from './flags.js';

/** Prints a table of tasks with the names of their services and nodes. */
export async function printTasks(session: Session, tasks: Task[], flags: TaskListFlags, shortIds = false): Promise<void> {
  const names = flags.resolve && !flags.quiet ? await resolveNames(session.api(), tasks) : asIs;
  printListing(session, taskListing(tasks, { nowMs: session.clock.wallMs(), noTrunc: !flags.trunc, shortIds, ...names }), flags);
}

export interface Names {
  serviceName: (id: string) => string;
  nodeName: (id: string) => string;
}

const asIs: Names = { serviceName: (id) => id, nodeName: (id) => id };

/** Asks once per service and node. What has been removed meanwhile keeps its id. */
export async function resolveNames(api: ApiClient, tasks: Pick<Task, 'ServiceID' | 'NodeID'>[]): Promise<Names> {
  const [services, nodes] = await Promise.all([
    names([...new Set(tasks.map((task) => task.ServiceID))], (id) => serviceName(api, id)),
    names([...new Set(tasks.map((task) => task.NodeID ?? ''))], (id) => nodeName(api, id)),
  ]);
  return { serviceName: (id) => services.get(id) ?? id, nodeName: (id) => nodes.get(id) ?? id };
}

async function names(ids: string[], get: (id: string) => Promise<string>): Promise<Map<string, string>> {
  const known = ids.filter((id) => id !== '');
  return new Map(await Promise.all(known.map(async (id) => [id, await get(id)] as const)));
}

async function serviceName(api: ApiClient, id: string): Promise<string> {
  return orId(id, async () => (await api.get<Service>(`/services/${id}`, { query: { insertDefaults: false } })).Spec.Name);
}

async function nodeName(api: ApiClient, id: string): Promise<string> {
  return orId(id, async () => {
    const node = await api.get<ClusterNode>(`/nodes/${id}`);
    return node.Spec.Name || node.Description.Hostname || id;
  });
}

async function orId(id: string, get: () => Promise<string>): Promise<string> {
  try {
    return await get();
  } catch (error) {
    if (isNotFound(error)) return id;
    throw error;
  }
}
