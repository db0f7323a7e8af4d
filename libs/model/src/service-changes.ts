import { sameJson } from '../../base/src/index.js';
import type { Change } from './change.js';
import type { ClusterView } from './cluster-view.js';
import type { Revision, Service, UpdateStatus } from './objects.js';
import { templateId } from './objects.js';
import type { ServiceSpec, TaskTemplate } from './service.js';

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
 * 1. A template that needs new tasks gets a version and is stored; anything else (replicas, labels, ports, restart and update rules) makes none.
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

function changeSpec(view: ClusterView, service: Service, after: Service, { expect, update }: UpdateOptions): Change[] {
  const { template } = after.spec;
  const known = needsNewTasks(service.spec.template, template) ? versionInUse(view, service, template) : service.templateVersion;
  const templateVersion = known ?? nextVersion(view, service);
  // The guarded write comes first: of two updates at once the second is out of sequence, whatever else it collides with.
  const changes: Change[] = [{ action: 'update', kind: 'service', object: { ...after, templateVersion }, expect }];
  if (known === undefined) changes.push(createTemplate(service.id, templateVersion, template));
  if (service.status.update || update) {
    changes.push({ action: 'status', kind: 'service', id: service.id, status: { ...service.status, update } });
  }
  return changes;
}

/** Do tasks of one template have to be replaced for the other? Not for another restart policy: the orchestrator reads it from the service. */
export function needsNewTasks(before: TaskTemplate, after: TaskTemplate): boolean {
  return !sameJson({ ...before, restart: undefined }, { ...after, restart: undefined });
}

function createTemplate(serviceId: string, version: number, template: TaskTemplate): Change {
  return { action: 'create', kind: 'template', object: { id: templateId(serviceId, version), template, createdAt: '', updatedAt: '' } };
}

function versionInUse(view: ClusterView, service: Service, template: TaskTemplate): number | undefined {
  const versions = new Set(view.tasksOfService(service.id).map((task) => task.templateVersion));
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
