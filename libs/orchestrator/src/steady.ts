import { sameJson } from '../../base/src/index.js';
import { defaults, hasEnded, type ClusterView, type Kind, type Kinds, type Node, type Service, type Task, type ViewIndex } from '../../model/src/index.js';
import type { ServiceDecision } from './decision.js';

/**
 * Services that were looked at, had all that they ask for, and of which nothing has happened since but that tasks came further on
 * their way. To look at them again would be most of the work in a large cluster.
 */
export class SteadyServices implements ViewIndex {
  readonly #steady = new Set<string>();

  has(serviceId: string): boolean {
    return this.#steady.has(serviceId);
  }

  /** Notes what the look at a service came to. */
  note(view: ClusterView, service: Service, decision: ServiceDecision, changes: number): void {
    if (changes > 0 || decision.lookAgainAtMs !== undefined || !isPlain(service)) return;
    // One task per slot, and each the right one: there is none that waits for another to come further.
    const tasks = view.tasksOfService(service.id);
    if (tasks.length === replicasOf(service) && tasks.every((task) => isOnItsWay(task) && task.templateVersion === service.templateVersion)) this.#steady.add(service.id);
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (this.#steady.size === 0) return;
    if (kind === 'task') this.#taskChanged(before as Task | undefined, after as Task | undefined);
    else if (kind === 'service' || kind === 'template') this.#steady.delete(kind === 'service' ? (before ?? after)!.id : serviceOfTemplate((before ?? after)!.id));
    else if (kind === 'node' && !isSameToTasks(before as Node | undefined, after as Node | undefined)) this.#steady.clear();
  }

  #taskChanged(before: Task | undefined, after: Task | undefined): void {
    const isAdvance = before !== undefined && after !== undefined && isOnItsWay(after) && (before.nodeId === after.nodeId || before.nodeId === '') && sameKeys.every((key) => before[key] === after[key]);
    if (!isAdvance) this.#steady.delete((before ?? after)!.serviceId);
  }
}

/** For `ClusterView.index`. */
export function steadyServices(): SteadyServices {
  return new SteadyServices();
}

/** What it needs depends on its own tasks and their nodes alone. */
function isPlain({ spec, status }: Service): boolean {
  return spec.mode.kind === 'replicated' && !spec.dependsOn?.length && (!status.update || status.update.state.endsWith('completed'));
}

function replicasOf({ spec: { mode } }: Service): number {
  return mode.kind === 'replicated' ? (mode.replicas ?? defaults.replicas) : 0;
}

/** A task that waits with a reason may be of consequence to others. */
function isOnItsWay(task: Task): boolean {
  return task.desiredState === 'running' && !hasEnded(task) && task.status.error === '' && !task.eviction;
}

/** What stays the same of a task that only comes further. */
const sameKeys = ['slot', 'templateVersion', 'desiredState', 'startAfterMs', 'crashesBefore', 'run', 'eviction'] as const satisfies (keyof Task)[];

function serviceOfTemplate(templateId: string): string {
  return templateId.slice(0, templateId.lastIndexOf('.'));
}

/** Nothing that says whether a task may be there. */
function isSameToTasks(before: Node | undefined, after: Node | undefined): boolean {
  if (!before || !after) return false;
  return before.spec === after.spec && before.status.state === after.status.state && sameJson(before.status.description, after.status.description);
}
