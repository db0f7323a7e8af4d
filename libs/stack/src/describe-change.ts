import { sameJson } from '../../base/src/index.js';
import { hasEnded, isWanted, needsNewTasks, type ClusterView, type Service, type ServiceMode, type ServiceSpec, type TaskTemplate } from '../../model/src/index.js';

/** What changes about a service and what that does to its tasks: `replicas 5 → 8; no task restarts`. */
export function describeServiceChange(view: ClusterView, before: Service, after: ServiceSpec): string {
  const parts = [...describeMode(before.spec.mode, after.mode), ...describeTemplate(before.spec.template, after.template), ...describeRest(before.spec, after)];
  if (!needsNewTasks(before.spec.template, after.template)) return `${parts.join(', ')}; no task restarts`;
  const replaced = view.tasksOfService(before.id).filter((task) => isWanted(task) && !hasEnded(task)).length;
  return `${parts.join(', ')}; ${replaced === 1 ? '1 task is' : `${replaced} tasks are`} replaced`;
}

function describeMode(before: ServiceMode, after: ServiceMode): string[] {
  if (sameJson(before, after)) return [];
  if (before.kind === 'replicated' && after.kind === 'replicated') return [`replicas ${before.replicas} → ${after.replicas}`];
  return [`mode ${before.kind} → ${after.kind}`];
}

function describeTemplate(before: TaskTemplate, after: TaskTemplate): string[] {
  const parts: string[] = [];
  if (before.container.image !== after.container.image) parts.push(`image ${before.container.image} → ${after.container.image}`);
  const { container: oldContainer, ...oldTask } = before;
  const { container: newContainer, ...newTask } = after;
  const keys = [...changedKeys(oldContainer, newContainer).filter((key) => key !== 'image'), ...changedKeys(oldTask, newTask)];
  return [...parts, ...keys.map(words)];
}

function describeRest(before: ServiceSpec, after: ServiceSpec): string[] {
  const { mode: _oldMode, template: _oldTemplate, ...old } = before;
  const { mode: _newMode, template: _newTemplate, ...fresh } = after;
  const keys = changedKeys(old, fresh);
  return keys.map((key) => (key === 'labels' ? 'deploy.labels' : words(key)));
}

function changedKeys(before: object, after: object): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !sameJson((before as Record<string, unknown>)[key], (after as Record<string, unknown>)[key])).sort();
}

/** Keys of the model in the words of a compose file, where they differ. */
const composeWords: Record<string, string> = {
  args: 'command',
  command: 'entrypoint',
  dir: 'working_dir',
  env: 'environment',
  hosts: 'extra_hosts',
  mounts: 'volumes',
  endpoint: 'ports',
  update: 'update_config',
  rollback: 'rollback_config',
  restart: 'restart_policy',
  stopGraceNs: 'stop_grace_period',
  stopSignal: 'stop_signal',
  logDriver: 'logging',
  capabilityAdd: 'cap_add',
  capabilityDrop: 'cap_drop',
  readOnly: 'read_only',
};

function words(key: string): string {
  return composeWords[key] ?? key;
}
