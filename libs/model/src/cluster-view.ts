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
   * What `work` finds out while it changes the view: afterwards the view is as it was. For decisions that build on each other and are
   * written together. `work` must not wait: nobody else may see the view meanwhile.
   */
  drafting<T>(work: (draft: IndexedView) => T): T;
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
  /** The same for a change that takes back one of a draft. Absent: `changed` does. */
  takenBack?<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void;
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
  readonly #tasksOfService = new Map<string, TaskGroup>();
  /** Key '' holds the unassigned ones. */
  readonly #tasksOnNode = new Map<string, TaskGroup>();
  readonly #indexes = new Map<(view: ClusterView) => ViewIndex, ViewIndex>();
  /** What was there before each change of the draft. */
  #draft: DraftedChange[] | undefined;

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
    return this.#tasksOfService.get(serviceId)?.list() ?? none;
  }

  tasksOnNode(nodeId: string): readonly Task[] {
    return nodeId === '' ? none : (this.#tasksOnNode.get(nodeId)?.list() ?? none);
  }

  unassignedTasks(): readonly Task[] {
    return this.#tasksOnNode.get('')?.list() ?? none;
  }

  templateOf(task: Pick<Task, 'serviceId' | 'templateVersion'>): TaskTemplate | undefined {
    return this.get('template', templateId(task.serviceId, task.templateVersion))?.template;
  }

  /** Puts or (with `undefined`) removes one object. */
  apply<K extends Kind>(kind: K, id: string, object: Kinds[K] | undefined): void {
    const before = this.#objects[kind].get(id);
    if (!before && !object) return; // a removal that has been heard of before
    this.#draft?.push({ kind, id, before });
    this.#put(kind, id, before, object);
    for (const index of this.#indexes.values()) index.changed(kind, before, object);
  }

  drafting<T>(work: (draft: IndexedView) => T): T {
    const { revision } = this;
    const draft: DraftedChange[] = [];
    this.#draft = draft;
    try {
      return work(this);
    } finally {
      this.#draft = undefined;
      for (const { kind, id, before } of draft.reverse()) this.#takeBack(kind, id, before as never);
      this.revision = revision;
    }
  }

  #takeBack<K extends Kind>(kind: K, id: string, before: Kinds[K] | undefined): void {
    const drafted = this.#objects[kind].get(id);
    this.#put(kind, id, drafted, before);
    for (const index of this.#indexes.values()) (index.takenBack ?? index.changed).call(index, kind, drafted, before);
  }

  #put<K extends Kind>(kind: K, id: string, before: Kinds[K] | undefined, object: Kinds[K] | undefined): void {
    if (kind === 'task') this.#regroup(before as Task | undefined, object as Task | undefined);
    else this.#rename(kind, id, before, object);
    if (object) this.#objects[kind].set(id, object);
    else this.#objects[kind].delete(id);
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

  #regroup(before: Task | undefined, after: Task | undefined): void {
    if (before && before.serviceId !== after?.serviceId) leave(this.#tasksOfService, before.serviceId, before.id);
    if (before && before.nodeId !== after?.nodeId) leave(this.#tasksOnNode, before.nodeId, before.id);
    if (!after) return;
    enter(this.#tasksOfService, after.serviceId, after);
    enter(this.#tasksOnNode, after.nodeId, after);
  }

  #rename(kind: Kind, id: string, before: Kinds[Kind] | undefined, after: Kinds[Kind] | undefined): void {
    if (!isNamed(kind)) return;
    if (before) this.#forgetName(`${kind}/${nameOf(kind, before as Service)}`, id);
    if (after) this.#names.set(`${kind}/${nameOf(kind, after as Service)}`, id);
  }

  /** Another object of the same commit may have taken the name already. */
  #forgetName(key: string, id: string): void {
    if (this.#names.get(key) === id) this.#names.delete(key);
  }
}

function isNamed(kind: Kind): kind is NamedKind {
  return kind === 'service' || kind === 'network' || kind === 'secret' || kind === 'config' || kind === 'stack';
}

interface DraftedChange {
  kind: Kind;
  id: string;
  before: Kinds[Kind] | undefined;
}

const none: readonly Task[] = [];

/** Tasks by id, and as a list that is made once per change. */
class TaskGroup {
  readonly #tasks = new Map<string, Task>();
  #list: readonly Task[] | undefined;

  get isEmpty(): boolean {
    return this.#tasks.size === 0;
  }

  set(task: Task): void {
    this.#tasks.set(task.id, task);
    this.#list = undefined;
  }

  delete(id: string): void {
    this.#tasks.delete(id);
    this.#list = undefined;
  }

  list(): readonly Task[] {
    return (this.#list ??= [...this.#tasks.values()]);
  }
}

function enter(groups: Map<string, TaskGroup>, key: string, task: Task): void {
  let group = groups.get(key);
  if (!group) groups.set(key, (group = new TaskGroup()));
  group.set(task);
}

function leave(groups: Map<string, TaskGroup>, key: string, id: string): void {
  const group = groups.get(key);
  group?.delete(id);
  if (group?.isEmpty) groups.delete(key);
}
