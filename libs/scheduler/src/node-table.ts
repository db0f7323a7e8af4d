import { isWanted, placementOptionsOf, templateId, type ClusterView, type Kind, type Kinds, type Node, type ResourceReservations, type Service, type Task, type ViewIndex } from '../../model/src/index.js';
import type { Candidates } from './candidates.js';
import { hasFailed, holdingOf, NodeInfo, type Holding } from './node-info.js';

/** The candidates of so many kinds of template are kept. */
const maxCandidates = 512;

/** Nodes that got a task each, and what it holds there: all the same, or one by one. */
export interface Held {
  infos: readonly NodeInfo[];
  holdings: readonly Holding[];
}

/** All nodes with what their tasks hold, the tasks that wait for a node, and who suits whom: kept up to date change by change. */
export class NodeTable implements ViewIndex {
  readonly infos = new Map<string, NodeInfo>();
  /** Tasks that wait for the scheduler, by id. */
  readonly pending = new Map<string, Task>();
  /** Grows whenever a node that had no room may have some now: who was refused before may ask again. */
  relief = 0;
  /** Why the tasks of a group could not be placed, and at which `relief`. */
  readonly refusals = new Map<string, { relief: number; error: string }>();
  /** Services that do not want others near, by id. */
  readonly repelling = new Set<string>();
  /** Services that want to be spread better when they could be, by id. */
  readonly rebalancing = new Set<string>();
  /** Services with a priority, and which. */
  readonly prioritized = new Map<string, number>();
  readonly #candidates = new Map<string, Candidates>();
  #nextOrdinal = 0;
  /** Of templates with tasks: a task that goes gives back what it held, also when its template went before it. */
  readonly #reservations = new Map<string, { tasks: number; reservations: ResourceReservations }>();

  constructor(readonly view: ClusterView) {
    for (const node of view.all('node')) this.infos.set(node.id, new NodeInfo(node, this.#nextOrdinal++));
    for (const service of view.all('service')) this.#noteOptions(service.id, service);
    for (const task of view.all('task')) this.#taskChanged(undefined, task);
  }

  /** Of all services. */
  lowestPriority(): number {
    let lowest = 0;
    for (const priority of this.prioritized.values()) lowest = Math.min(lowest, priority);
    return lowest;
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (kind === 'task') this.#taskChanged(before as Task | undefined, after as Task | undefined);
    else if (kind === 'node') this.#nodeChanged(before as Node | undefined, after as Node | undefined);
    else if (kind === 'template') this.relief++; // a task without its template waits for it
    else if (kind === 'service') this.#serviceChanged(before as Service | undefined, after as Service | undefined);
  }

  /** What `make` finds, kept until a node changes. Of too many, the oldest goes. */
  candidates(signature: string, make: (infos: NodeInfo[]) => Candidates): Candidates {
    let candidates = this.#candidates.get(signature);
    if (candidates) return candidates;
    if (this.#candidates.size === maxCandidates) this.#candidates.delete(this.#candidates.keys().next().value!);
    this.#candidates.set(signature, (candidates = make([...this.infos.values()])));
    return candidates;
  }

  /** Gives back what a plan held for the time of its making: the table is as it was before. */
  undo(groups: readonly Held[]): void {
    const touched = new Set<NodeInfo>();
    for (const { infos, holdings } of groups) {
      for (const [index, info] of infos.entries()) {
        info.release(holdings.length === 1 ? holdings[0]! : holdings[index]!);
        touched.add(info);
      }
    }
    for (const info of touched) this.improved(info);
  }

  /** A node gained room. */
  improved(info: NodeInfo): void {
    for (const candidates of this.#candidates.values()) candidates.improved(info);
  }

  #taskChanged(before: Task | undefined, after: Task | undefined): void {
    if (before) this.#leave(before);
    if (after) this.#enter(after);
  }

  #enter(task: Task): void {
    if (task.status.state === 'pending' && isWanted(task)) this.pending.set(task.id, task);
    if (task.nodeId === '') return;
    const info = this.infos.get(task.nodeId);
    const holding = holdingOf(task, this.#refer(task));
    if (holding) info?.hold(holding);
    else if (hasFailed(task)) info?.countFailure(task);
  }

  #leave(task: Task): void {
    // Room may have been kept free for it.
    if (this.pending.delete(task.id) && this.prioritized.size > 0) this.relief++;
    if (task.nodeId === '') return;
    const info = this.infos.get(task.nodeId);
    const holding = holdingOf(task, this.#unrefer(task));
    if (holding && info) {
      info.release(holding);
      this.relief++;
      this.improved(info);
    } else if (hasFailed(task)) info?.forgetFailure(task);
  }

  #serviceChanged(before: Service | undefined, after: Service | undefined): void {
    if (before?.spec.labels === after?.spec.labels && before?.spec.name === after?.spec.name) return;
    this.relief++;
    this.#noteOptions((after ?? before)!.id, after);
  }

  #noteOptions(id: string, service: Service | undefined): void {
    const options = service && placementOptionsOf(service.spec);
    if (options?.antiAffinity.length) this.repelling.add(id);
    else this.repelling.delete(id);
    if (options?.rebalance) this.rebalancing.add(id);
    else this.rebalancing.delete(id);
    if (options?.priority) this.prioritized.set(id, options.priority);
    else this.prioritized.delete(id);
  }

  /** Labels, availability or size may be others: all that was derived from them goes. */
  #nodeChanged(before: Node | undefined, after: Node | undefined): void {
    this.relief++;
    this.#candidates.clear();
    if (!after) this.infos.delete(before!.id);
    else if (this.infos.has(after.id)) this.infos.get(after.id)!.node = after;
    else this.#addNode(after);
  }

  #addNode(node: Node): void {
    const info = new NodeInfo(node, this.#nextOrdinal++);
    this.infos.set(node.id, info);
    for (const task of this.view.tasksOnNode(node.id)) {
      const holding = holdingOf(task, this.#reservations.get(templateId(task.serviceId, task.templateVersion))?.reservations ?? {});
      if (holding) info.hold(holding);
      else if (hasFailed(task)) info.countFailure(task);
    }
  }

  #refer(task: Task): ResourceReservations {
    const id = templateId(task.serviceId, task.templateVersion);
    let entry = this.#reservations.get(id);
    if (!entry) this.#reservations.set(id, (entry = { tasks: 0, reservations: this.view.templateOf(task)?.resources?.reservations ?? {} }));
    entry.tasks++;
    return entry.reservations;
  }

  #unrefer(task: Task): ResourceReservations {
    const id = templateId(task.serviceId, task.templateVersion);
    const entry = this.#reservations.get(id)!;
    if (--entry.tasks === 0) this.#reservations.delete(id);
    return entry.reservations;
  }
}

/** For `ClusterView.index`. */
export function nodeTable(view: ClusterView): NodeTable {
  return new NodeTable(view);
}
