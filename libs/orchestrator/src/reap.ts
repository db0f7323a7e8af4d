import { compareStates, cronOptionsOf, hasEnded, templateId, type Change, type ClusterView, type Decide, type Service, type Task } from '../../model/src/index.js';
import { desire, nameIn, placeIn } from './decision.js';
import { leftoversOf, type Leftovers } from './leftovers.js';
import { newestOf, slotsOf } from './slot.js';

/** Whatever nobody needs any more: tasks of removed services, tasks that were to be removed and have ended, history beyond the limit, unused templates. */
export const reap: Decide = (view, context) => {
  const changes: Change[] = [];
  const sentences: string[] = [];
  const leftovers = view.index(leftoversOf);
  for (const task of leftovers.tasks()) {
    if (mayDelete(view, task)) {
      changes.push({ action: 'remove', kind: 'task', id: task.id });
      sentences.push(`delete ${nameIn(view, task)}: it was removed`);
    } else if (task.desiredState !== 'remove' && !view.get('service', task.serviceId)) {
      changes.push(desire(task, 'remove', context));
      sentences.push(`remove ${placeIn(view, task)}: its service is gone`);
    }
  }
  for (const task of oldHistory(view, leftovers)) {
    changes.push({ action: 'remove', kind: 'task', id: task.id });
    sentences.push(`delete ${nameIn(view, task)}: its slot has newer ones`);
  }
  for (const id of unusedTemplates(view)) {
    changes.push({ action: 'remove', kind: 'template', id });
    sentences.push(`delete template ${id}: nothing uses it`);
  }
  return { changes, sentences };
};

/** It is to be removed, and no container of it can be left. */
function mayDelete(view: ClusterView, task: Task): boolean {
  if (task.desiredState !== 'remove') return false;
  return hasEnded(task) || compareStates(task.status.state, 'assigned') < 0 || !view.get('node', task.nodeId);
}

function oldHistory(view: ClusterView, leftovers: Leftovers): Task[] {
  const limit = view.cluster?.taskHistoryLimit ?? 5;
  if (limit < 0) return [];
  const old: Task[] = [];
  for (const serviceId of leftovers.services()) {
    const service = view.get('service', serviceId);
    if (!service) continue;
    const keep = tasksToKeep(service, limit);
    const tasks = view.tasksOfService(service.id);
    if (tasks.length <= keep) continue;
    for (const slot of slotsOf(tasks, (task) => `${task.slot}/${task.slot === 0 ? task.nodeId : ''}`).values()) {
      const ended = slot.tasks.filter((task) => hasEnded(task) && !isOfRunUnderWay(service, task));
      const newest = newestOf(service, slot);
      const deletable = ended.slice(0, Math.max(0, ended.length - keep));
      // The newest one is what the restart policy is decided on.
      old.push(...deletable.filter((task) => task !== newest));
    }
  }
  return old;
}

/** What of a run has been done is known by its tasks. */
function isOfRunUnderWay({ status }: Service, { run }: Task): boolean {
  return run !== undefined && (status.cron?.underWay.includes(run) ?? false);
}

/** A restart limit is counted in history: it must be long enough. */
function tasksToKeep(service: Service, clusterLimit: number): number {
  const limit = cronOptionsOf(service.spec)?.history ?? clusterLimit;
  const maxAttempts = service.spec.template.restart?.maxAttempts ?? 0;
  return maxAttempts > 0 ? Math.max(limit, maxAttempts + 1) : limit;
}

function unusedTemplates(view: ClusterView): string[] {
  const used = new Set<string>();
  for (const service of view.all('service')) used.add(templateId(service.id, service.templateVersion));
  if ([...view.all('template')].every(({ id }) => used.has(id))) return [];
  for (const task of view.all('task')) used.add(templateId(task.serviceId, task.templateVersion));
  return [...view.all('template')].map(({ id }) => id).filter((id) => !used.has(id));
}
