import { hasEnded, isWanted, needsNewTasks, satisfiesAll, type ClusterView, type Service, type ServiceSpec, type Task } from '../../model/src/index.js';
import { changedFields, type FieldChange } from './field-changes.js';
import { serviceFacts } from './service-facts.js';

/** What changes about a service and what that does to its tasks. */
export interface ServiceDifference {
  fields: FieldChange[];
  /** `replicas 5 → 8; no task restarts`. */
  detail: string;
  /** How many tasks are replaced; absent: the change is made in place. */
  replacedTasks?: number;
}

/** `after` as it will be stored. Tasks of another version are replaced, and those whose node no longer satisfies the constraints. */
export function describeServiceChange(view: ClusterView, before: Service, after: Pick<Service, 'spec' | 'templateVersion'>, networkName: (target: string) => string): ServiceDifference {
  const isReplaced = after.templateVersion !== before.templateVersion;
  const alive = view.tasksOfService(before.id).filter((task) => isWanted(task) && !hasEnded(task));
  const outdated = alive.filter((task) => task.templateVersion !== after.templateVersion);
  const misplaced = alive.filter((task) => !outdated.includes(task) && mustMove(view, task, after.spec));
  const causes = [...(isReplaced ? ['deploy.placement.max_replicas_per_node'] : []), ...(misplaced.length > 0 ? ['deploy.placement.constraints'] : [])];
  const fields = serviceFields(before.spec, after.spec, networkName).map((field) => ({ ...field, restarts: field.restarts || causes.includes(field.field) }));
  const parts = fieldsInShort(fields).join(', ');
  if (!isReplaced && misplaced.length === 0) return { fields, detail: `${parts}; no task restarts` };
  const replacedTasks = outdated.length + misplaced.length;
  return { fields, replacedTasks, detail: `${parts}; ${replacedTasks === 1 ? '1 task is' : `${replacedTasks} tasks are`} replaced` };
}

function mustMove(view: ClusterView, { nodeId }: Task, { template }: ServiceSpec): boolean {
  const node = view.get('node', nodeId);
  return node !== undefined && !satisfiesAll(node, template.placement?.constraints ?? []);
}

/** Lists may say the same in another order: that is a change to a container too, so it has a name. */
export function serviceFields(before: ServiceSpec, after: ServiceSpec, networkName: (target: string) => string): FieldChange[] {
  const fields = changedFields(serviceFacts(before, networkName), serviceFacts(after, networkName));
  const isTold = fields.some((field) => field.restarts);
  return isTold || !needsNewTasks(before.template, after.template) ? fields : [...fields, { field: 'order of values', restarts: true }];
}

/** Whole values only of what people change every day; of the rest, which part of the file it is. */
function fieldsInShort(fields: FieldChange[]): string[] {
  const inFull = ['replicas', 'image'];
  const said = inFull.flatMap((name) => fields.filter(({ field }) => field === name)).map(({ field, before, after }) => `${field} ${before} → ${after}`);
  const rest = fields.filter(({ field }) => !inFull.includes(field)).map(({ field }) => /^(deploy\.labels|[^.]+)/.exec(field.replace(/^deploy\.(?!labels)/, ''))![0]);
  return [...said, ...new Set(rest)];
}
