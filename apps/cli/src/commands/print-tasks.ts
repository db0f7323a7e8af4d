import type { ApiClient } from '../api-client/client.js';
import { listByIds } from '../api-client/list-by-ids.js';
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

/** What the tasks of services do not show: what holds a service up, or when it runs next. */
export function printWaits(session: Session, services: Service[]): void {
  for (const service of services) for (const text of waitsOf(service)) session.err.write(`note: ${service.Spec.Name} ${text}\n`);
}

function waitsOf({ Spec, UpdateStatus, Shoal = {} }: Service): string[] {
  const { Waiting, Stopped, Cron } = Shoal;
  const isHalted = UpdateStatus?.State === 'paused' || UpdateStatus?.State === 'rollback_paused';
  return [
    ...(Waiting ? [Waiting.Message] : []),
    ...(Stopped ? [`is stopped: shoal service start ${Spec.Name} starts it again`] : []),
    ...(isHalted && UpdateStatus.Message ? [`waits: ${UpdateStatus.Message}`] : []),
    ...(Cron?.NextRun ? [`runs next at ${Cron.NextRun.slice(0, 19)}Z${Cron.Message ? `; ${Cron.Message}` : ''}`] : []),
  ];
}

export interface Names {
  serviceName: (id: string) => string;
  nodeName: (id: string) => string;
}

const asIs: Names = { serviceName: (id) => id, nodeName: (id) => id };

/** Two requests, whatever the number of tasks. What has been removed meanwhile keeps its id. */
export async function resolveNames(api: ApiClient, tasks: Pick<Task, 'ServiceID' | 'NodeID'>[]): Promise<Names> {
  const [services, nodes] = await Promise.all([
    listByIds<Service>(api, '/services', 'id', unique(tasks.map((task) => task.ServiceID))),
    listByIds<ClusterNode>(api, '/nodes', 'id', unique(tasks.map((task) => task.NodeID ?? ''))),
  ]);
  const serviceNames = new Map(services.map((service) => [service.ID, service.Spec.Name]));
  const nodeNames = new Map(nodes.map((node) => [node.ID, node.Spec.Name || node.Description.Hostname]));
  return { serviceName: (id) => serviceNames.get(id) ?? id, nodeName: (id) => nodeNames.get(id) ?? id };
}

function unique(ids: string[]): string[] {
  return [...new Set(ids)].filter((id) => id !== '');
}
