import { sameJson } from '../../base/src/index.js';
import type { Change } from './change.js';
import type { ClusterView } from './cluster-view.js';
import type { Revision, Service, UpdateStatus } from './objects.js';
import { templateId } from './objects.js';
import { satisfiesAll } from './constraint.js';
import { needsNewTasks } from './in-place.js';
import type { ServiceSpec, TaskTemplate } from './service.js';
import { hasEnded, isWanted } from './task-queries.js';

/** The writes of a new service. The spec has been admitted. */
export function createServiceChanges(id: string, spec: ServiceSpec, options: { sealedLogins?: string | undefined } = {}): Change[] {
  return [
    createTemplate(id, 1, spec.template),
    { action: 'create', kind: 'service', object: { id, spec, ...options, templateVersion: 1, status: { ports: [], virtualIps: [] }, createdAt: '', updatedAt: '' } },
  ];
}

interface UpdateOptions {
  expect?: Revision;
  update?: UpdateStatus | undefined;
  sealedLogins?: string | undefined;
}

/**
 * The writes of a changed service; none when the spec is what it was.
 *
 * 1. A template that needs new tasks gets a version and is stored; what may change in place (`needsNewTasks`) changes in the stored one; anything else (replicas, labels, ports, update rules) in neither.
 * 2. A template that some task still runs gets that task's version back: going back replaces only what has gone forward.
 * 3. The outcome of an earlier update is cleared, since clients wait for the outcome of this one.
 * 4. Other logins alone are stored and do nothing else. Absent: those that are there stay.
 */
export function updateServiceChanges(view: ClusterView, service: Service, spec: ServiceSpec, options: UpdateOptions = {}): Change[] {
  const { sealedLogins = service.sealedLogins, expect } = options;
  if (sameJson(service.spec, spec)) {
    return sealedLogins === service.sealedLogins ? [] : [{ action: 'update', kind: 'service', object: { ...service, sealedLogins }, expect }];
  }
  return changeSpec(view, service, { ...service, sealedLogins, spec, previousSpec: service.spec }, options);
}

/**
 * The writes of an update that failed: back to the spec before. There is no previous spec then, as in Swarm:
 * it would be the one that has just failed. None when there is nothing to go back to.
 */
export function rollBackChanges(view: ClusterView, service: Service, update: UpdateStatus): Change[] {
  const { previousSpec: spec } = service;
  if (!spec) return [];
  return changeSpec(view, service, { ...service, spec, previousSpec: undefined }, { expect: service.version, update });
}

function changeSpec(view: ClusterView, service: Service, after: Service, { expect, ...options }: UpdateOptions): Change[] {
  // A job is run anew: nobody would ever end its update.
  const update = after.spec.mode.kind.endsWith('-job') ? undefined : options.update;
  const { template } = after.spec;
  const keepsTasks = !needsNewTasks(service.spec.template, template) && !isCrowded(view, service, template) && !isNowhere(view, service, template);
  const known = sameVersion(view, service, template) ?? (keepsTasks ? service.templateVersion : versionInUse(view, service, template));
  const templateVersion = known ?? nextVersion(view, service);
  // The guarded write comes first: of two updates at once the second is out of sequence, whatever else it collides with.
  const { orders: _orders, ...rest } = after;
  const changes: Change[] = [{ action: 'update', kind: 'service', object: { ...rest, ...lastingOrders(service, after.spec), templateVersion }, expect }];
  changes.push(...(known === undefined ? [createTemplate(service.id, templateVersion, template)] : changeTemplate(view, service.id, known, template)));
  if (service.status.update || update) {
    changes.push({ action: 'status', kind: 'service', id: service.id, status: { ...service.status, update } });
  }
  return changes;
}

/** Those about an update end with it. Who asks for another number of tasks wants them to run. */
function lastingOrders({ orders, spec }: Service, after: ServiceSpec): Pick<Service, 'orders'> {
  const lasting = {
    ...(orders?.stopped && sameJson(spec.mode, after.mode) && { stopped: orders.stopped }),
    ...(orders?.runAt && { runAt: orders.runAt }),
  };
  return Object.keys(lasting).length > 0 ? { orders: lasting } : {};
}

function createTemplate(serviceId: string, version: number, template: TaskTemplate): Change {
  return { action: 'create', kind: 'template', object: { id: templateId(serviceId, version), template, createdAt: '', updatedAt: '' } };
}

/** What may change in place is told to the tasks that there are. */
function changeTemplate(view: ClusterView, serviceId: string, version: number, template: TaskTemplate): Change[] {
  const stored = view.get('template', templateId(serviceId, version));
  return stored && !sameJson(stored.template, template) ? [{ action: 'update', kind: 'template', object: { ...stored, template } }] : [];
}

/** Has a node more tasks of the service than the template allows? Then all are placed anew. */
function isCrowded(view: ClusterView, service: Service, { placement }: TaskTemplate): boolean {
  const maxReplicas = placement?.maxReplicas;
  if (!maxReplicas || maxReplicas === service.spec.template.placement?.maxReplicas) return false;
  const counts = new Map<string, number>();
  for (const task of view.tasksOfService(service.id)) {
    if (task.nodeId !== '' && isWanted(task) && !hasEnded(task)) counts.set(task.nodeId, (counts.get(task.nodeId) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values()) > maxReplicas;
}

/** Does no node satisfy what it newly asks for? Then the tasks that there are serve on, until an update has found that out. */
function isNowhere(view: ClusterView, service: Service, { placement }: TaskTemplate): boolean {
  const constraints = placement?.constraints ?? [];
  if (constraints.length === 0 || sameJson(constraints, service.spec.template.placement?.constraints)) return false;
  return ![...view.all('node')].some((node) => satisfiesAll(node, constraints));
}

/** An earlier version that said the same, and that tasks still run: whoever goes back to it leaves them as they are. */
function sameVersion(view: ClusterView, service: Service, template: TaskTemplate): number | undefined {
  const alive = view.tasksOfService(service.id).filter((task) => task.templateVersion !== service.templateVersion && isWanted(task) && !hasEnded(task));
  return alive.find((task) => sameJson(view.templateOf(task), template))?.templateVersion;
}

function versionInUse(view: ClusterView, service: Service, template: TaskTemplate): number | undefined {
  const versions = new Set(view.tasksOfService(service.id).map((task) => task.templateVersion));
  versions.delete(service.templateVersion);
  for (const version of versions) {
    const stored = view.get('template', templateId(service.id, version));
    if (stored && !needsNewTasks(stored.template, template)) return version;
  }
  return undefined;
}

function nextVersion(view: ClusterView, service: Service): number {
  let version = Math.max(service.templateVersion, ...view.tasksOfService(service.id).map((task) => task.templateVersion)) + 1;
  while (view.get('template', templateId(service.id, version))) version++;
  return version;
}
