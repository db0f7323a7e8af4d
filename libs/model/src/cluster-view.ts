import type { Kind, Kinds } from './change.js';
import { templateId, type Cluster, type Config, type Network, type Secret, type Service, type Stack, type Task } from './objects.js';
import type { Revision } from './objects.js';
import type { TaskTemplate } from './service.js';

/**
 * The whole cluster as seen at one revision: what every decision reads. Objects in it are frozen in spirit:
 * nobody changes them, a commit replaces them.
 */
export interface ClusterView {
  readonly revision: Revision;
  readonly cluster: Cluster | undefined;

  get<K extends Kind>(kind: K, id: string): Kinds[K] | undefined;
  all<K extends Kind>(kind: K): Iterable<Kinds[K]>;
  count(kind: Kind): number;
  /** The object of that exact name (service, network, secret, config, stack; a node by hostname does not count). */
  named<K extends NamedKind>(kind: K, name: string): Kinds[K] | undefined;

  tasksOfService(serviceId: string): readonly Task[];
  tasksOnNode(nodeId: string): readonly Task[];
  /** Tasks that no node has been given yet. */
  unassignedTasks(): readonly Task[];
  templateOf(task: Pick<Task, 'serviceId' | 'templateVersion'>): TaskTemplate | undefined;
  /** A copy that can be changed without touching this one: for plans of what would happen. */
  fork(): IndexedView;
  /**
   * What `make` derives from the view: made on first use, told of every change from then on, and shared by all who ask with the
   * same `make`. So a decision costs what has changed, and not the whole cluster.
   */
  index<I extends ViewIndex>(make: (view: ClusterView) => I): I;
}

/** Something derived from the view that follows its changes. To decide must not change what it says. */
export interface ViewIndex {
  /** One object was put or removed (`after` undefined); the view shows the change already. */
  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void;
}

export type NamedKind = 'service' | 'network' | 'secret' | 'config' | 'stack';

export function nameOf(kind: NamedKind, object: Service | Network | Secret | Config | Stack): string {
  return kind === 'stack' ? object.id : (object as Service).spec.name;
}

/**
 * The view as an index that its owner keeps up to date. `apply` is for stores only;
 * everyone else gets it as a `ClusterView`.
 */
export class IndexedView implements ClusterView {
  revision: Revision = 0;
  readonly #objects: { [K in Kind]: Map<string, Kinds[K]> } = {
    cluster: new Map(),
    node: new Map(),
    service: new Map(),
    template: new Map(),
    task: new Map(),
    network: new Map(),
    secret: new Map(),
    config: new Map(),
    stack: new Map(),
    'stack-revision': new Map(),
  };
  readonly #names = new Map<string, string>();
  readonly #tasksOfService = new Map<string, Map<string, Task>>();
  /** Key '' holds the unassigned ones. */
  readonly #tasksOnNode = new Map<string, Map<string, Task>>();
  readonly #indexes = new Map<(view: ClusterView) => ViewIndex, ViewIndex>();

  get cluster(): Cluster | undefined {
    return this.#objects.cluster.get('cluster');
  }

  get<K extends Kind>(kind: K, id: string): Kinds[K] | undefined {
    return this.#objects[kind].get(id);
  }

  all<K extends Kind>(kind: K): Iterable<Kinds[K]> {
    return this.#objects[kind].values();
  }

  count(kind: Kind): number {
    return this.#objects[kind].size;
  }

  named<K extends NamedKind>(kind: K, name: string): Kinds[K] | undefined {
    const id = this.#names.get(`${kind}/${name}`);
    return id === undefined ? undefined : this.get(kind, id);
  }

  tasksOfService(serviceId: string): readonly Task[] {
    return [...(this.#tasksOfService.get(serviceId)?.values() ?? [])];
  }

  tasksOnNode(nodeId: string): readonly Task[] {
    return nodeId === '' ? [] : [...(this.#tasksOnNode.get(nodeId)?.values() ?? [])];
  }

  unassignedTasks(): readonly Task[] {
    return [...(this.#tasksOnNode.get('')?.values() ?? [])];
  }

  templateOf(task: Pick<Task, 'serviceId' | 'templateVersion'>): TaskTemplate | undefined {
    return this.get('template', templateId(task.serviceId, task.templateVersion))?.template;
  }

  /** Puts or (with `undefined`) removes one object. */
  apply<K extends Kind>(kind: K, id: string, object: Kinds[K] | undefined): void {
    const before = this.#objects[kind].get(id);
    if (!before && !object) return; // a removal that has been heard of before
    if (before) this.#unindex(kind, before);
    if (object) {
      this.#objects[kind].set(id, object);
      this.#index(kind, object);
    } else {
      this.#objects[kind].delete(id);
    }
    for (const index of this.#indexes.values()) index.changed(kind, before, object);
  }

  index<I extends ViewIndex>(make: (view: ClusterView) => I): I {
    let index = this.#indexes.get(make);
    if (!index) this.#indexes.set(make, (index = make(this)));
    return index as I;
  }

  fork(): IndexedView {
    const copy = new IndexedView();
    copy.revision = this.revision;
    for (const kind of Object.keys(this.#objects) as Kind[]) {
      for (const object of this.all(kind)) copy.apply(kind, object.id, object as never);
    }
    return copy;
  }

  #index(kind: Kind, object: Kinds[Kind]): void {
    if (isNamed(kind)) this.#names.set(`${kind}/${nameOf(kind, object as Service)}`, object.id);
    if (kind !== 'task') return;
    const task = object as Task;
    within(this.#tasksOfService, task.serviceId).set(task.id, task);
    within(this.#tasksOnNode, task.nodeId).set(task.id, task);
  }

  #unindex(kind: Kind, object: Kinds[Kind]): void {
    if (isNamed(kind)) this.#forgetName(`${kind}/${nameOf(kind, object as Service)}`, object.id);
    if (kind !== 'task') return;
    const task = object as Task;
    without(this.#tasksOfService, task.serviceId, task.id);
    without(this.#tasksOnNode, task.nodeId, task.id);
  }

  /** Another object of the same commit may have taken the name already. */
  #forgetName(key: string, id: string): void {
    if (this.#names.get(key) === id) this.#names.delete(key);
  }
}

function isNamed(kind: Kind): kind is NamedKind {
  return kind === 'service' || kind === 'network' || kind === 'secret' || kind === 'config' || kind === 'stack';
}

function within<V>(index: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let group = index.get(key);
  if (!group) index.set(key, (group = new Map()));
  return group;
}

function without<V>(index: Map<string, Map<string, V>>, key: string, id: string): void {
  const group = index.get(key);
  group?.delete(id);
  if (group?.size === 0) index.delete(key);
}
