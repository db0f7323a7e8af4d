import { defaults, hasEnded, isLost, isWanted, satisfiesAll, type ClusterView, type Service, type Task } from '../../model/src/index.js';

/** Does all of a service run as it now says, and nothing else of it? A job: has it completed? A service that was stopped needs nothing. */
export function hasConverged(view: ClusterView, service: Service): boolean {
  const { update } = service.status;
  if (update && update.state !== 'completed') return false;
  if (service.orders?.stopped) return true;
  const tasks = view.tasksOfService(service.id).filter(isWanted);
  if (tasks.some((task) => !isCurrent(service, task) && !hasEnded(task))) return false;
  const done = tasks.filter((task) => isCurrent(service, task) && isDone(view, service, task));
  return new Set(done.map(placeOf)).size >= wantedPlaces(view, service);
}

function isCurrent(service: Service, task: Task): boolean {
  return task.templateVersion === service.templateVersion;
}

function isDone(view: ClusterView, { spec: { mode, template } }: Service, task: Task): boolean {
  if (mode.kind.endsWith('-job')) return task.status.state === 'complete';
  const mayEnd = (template.restart?.condition ?? 'any') !== 'any';
  if (mayEnd && task.status.state === 'complete') return true;
  const node = view.get('node', task.nodeId);
  return task.status.state === 'running' && !isLost(view, task) && node !== undefined && satisfiesAll(node, template.placement?.constraints ?? []);
}

function placeOf({ slot, nodeId }: Task): string {
  return slot === 0 ? nodeId : String(slot);
}

function wantedPlaces(view: ClusterView, { spec: { mode, template } }: Service): number {
  if (mode.kind === 'replicated') return mode.replicas ?? defaults.replicas;
  if (mode.kind === 'replicated-job') return mode.totalCompletions ?? mode.maxConcurrent ?? 1;
  const takesTasks = [...view.all('node')].filter(({ status, spec }) => status.state === 'ready' && spec.availability === 'active');
  return takesTasks.filter((node) => satisfiesAll(node, template.placement?.constraints ?? [])).length;
}
