import { hasEnded, type ClusterView, type Kind, type Kinds, type Service, type Task, type ViewIndex } from '../../model/src/index.js';

/** What the reaper may have to do with: tasks that have ended or are to be removed, and those whose service is gone. */
export class Leftovers implements ViewIndex {
  /** By service, by id. */
  readonly #tasks = new Map<string, Map<string, Task>>();

  constructor(private readonly view: ClusterView) {
    for (const task of view.all('task')) this.#taskChanged(undefined, task);
  }

  *tasks(): Iterable<Task> {
    for (const tasks of this.#tasks.values()) yield* tasks.values();
  }

  /** That have some. */
  services(): Iterable<string> {
    return this.#tasks.keys();
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (kind === 'task') this.#taskChanged(before as Task | undefined, after as Task | undefined);
    else if (kind === 'service' && !(before && after)) this.#serviceChanged(((before ?? after) as Service).id);
  }

  /** It is gone, or there again. */
  #serviceChanged(serviceId: string): void {
    for (const task of this.view.tasksOfService(serviceId)) this.#taskChanged(task, task);
  }

  #taskChanged(before: Task | undefined, after: Task | undefined): void {
    if (after && this.#isLeft(after)) return this.#note(after);
    const task = (before ?? after)!;
    const tasks = this.#tasks.get(task.serviceId);
    if (tasks?.delete(task.id) && tasks.size === 0) this.#tasks.delete(task.serviceId);
  }

  #isLeft(task: Task): boolean {
    return hasEnded(task) || task.desiredState === 'remove' || !this.view.get('service', task.serviceId);
  }

  #note(task: Task): void {
    let tasks = this.#tasks.get(task.serviceId);
    if (!tasks) this.#tasks.set(task.serviceId, (tasks = new Map()));
    tasks.set(task.id, task);
  }
}

/** For `ClusterView.index`. */
export function leftoversOf(view: ClusterView): Leftovers {
  return new Leftovers(view);
}
