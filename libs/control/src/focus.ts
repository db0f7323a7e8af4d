import { hasEnded, IndexedView, obey, type Change, type ClusterView, type Decide, type DecisionContext, type Kind, type Kinds, type NamedKind, type Task, type ViewIndex } from '../../model/src/index.js';
import { subsystems } from './subsystems.js';

/** So many tasks are copied before others have their turn. */
const tasksPerTurn = 2_000;
const copiedKinds = ['cluster', 'node', 'network', 'template', 'secret', 'config', 'stack', 'stack-revision', 'service'] as const satisfies Kind[];
/** What they decide concerns tasks of every service. */
const leftOut = new Set(['rebalancer', 'orphans', 'reaper', 'stack-pruner']);

/** A copy of a large view in which only some services move: all others stay as they are, and hold what they hold. */
export interface Focus {
  future: IndexedView;
  decides: readonly Decide[];
}

/** `gone`: ids of services whose tasks are left out. */
export async function focusOn(view: ClusterView, serviceIds: ReadonlySet<string>, gone: ReadonlySet<string>, context: DecisionContext, pause: () => Promise<unknown>): Promise<Focus> {
  const future = new IndexedView();
  const moving = new Set<string>();
  const decides = focusedDecides(future, serviceIds, moving);
  // Indexes that are there from the beginning grow with the copy; made at the end, each would be one long stretch.
  for (const decide of decides) decide(future, context);
  const tasks = [...view.all('task')].filter((task) => !gone.has(task.serviceId) && (!hasEnded(task) || serviceIds.has(task.serviceId)));
  future.revision = view.revision;
  for (const kind of copiedKinds) for (const object of view.all(kind)) future.apply(kind, object.id, object);
  for (const [index, task] of tasks.entries()) {
    if (index % tasksPerTurn === 0) await pause();
    future.apply('task', task.id, task);
    if (serviceIds.has(task.serviceId)) moving.add(task.id);
  }
  return { future, decides };
}

function focusedDecides(future: IndexedView, serviceIds: ReadonlySet<string>, moving: Set<string>): Decide[] {
  const own = new ServicesOnly(future, serviceIds);
  const noting = (decide: Decide): Decide => (view, context) => {
    const result = decide(view, context);
    for (const change of result.changes) if (change.kind === 'task') moving.add(idOf(change));
    return result;
  };
  const agents: Decide = (view, { nowMs }) => obey(view, tasksOf(view, moving), nowMs);
  const decides = subsystems.filter(({ name }) => !leftOut.has(name));
  return [...decides.map(({ name, decide }) => noting(name === 'orchestrator' ? (_view, context) => decide(own, context) : decide)), agents];
}

function idOf(change: Change): string {
  return 'object' in change ? change.object.id : change.id;
}

function tasksOf(view: ClusterView, ids: Iterable<string>): Task[] {
  return [...ids].flatMap((id) => view.get('task', id) ?? []);
}

/** A view that lists some services only; by name and id all are there. */
class ServicesOnly implements ClusterView {
  constructor(
    private readonly view: ClusterView,
    private readonly serviceIds: ReadonlySet<string>,
  ) {}

  get revision() {
    return this.view.revision;
  }

  get cluster() {
    return this.view.cluster;
  }

  all<K extends Kind>(kind: K): Iterable<Kinds[K]> {
    return kind === 'service' ? [...this.serviceIds].flatMap((id) => this.view.get(kind, id) ?? []) : this.view.all(kind);
  }

  get<K extends Kind>(kind: K, id: string): Kinds[K] | undefined {
    return this.view.get(kind, id);
  }

  count(kind: Kind): number {
    return kind === 'service' ? this.serviceIds.size : this.view.count(kind);
  }

  named<K extends NamedKind>(kind: K, name: string): Kinds[K] | undefined {
    return this.view.named(kind, name);
  }

  tasksOfService(serviceId: string): readonly Task[] {
    return this.view.tasksOfService(serviceId);
  }

  tasksOnNode(nodeId: string): readonly Task[] {
    return this.view.tasksOnNode(nodeId);
  }

  unassignedTasks(): readonly Task[] {
    return this.view.unassignedTasks();
  }

  templateOf(task: Pick<Task, 'serviceId' | 'templateVersion'>) {
    return this.view.templateOf(task);
  }

  fork(): IndexedView {
    return this.view.fork();
  }

  drafting<T>(work: (draft: IndexedView) => T): T {
    return this.view.drafting(work);
  }

  index<I extends ViewIndex>(make: (view: ClusterView) => I): I {
    return this.view.index(make);
  }
}
