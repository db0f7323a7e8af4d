import { byAge, hasEnded, isWanted, nodeName, taskName, type ClusterView, type Task } from '../../model/src/index.js';
import { sharesNamespaces } from './beside.js';
import type { Demands, GroupDemand } from './demand.js';
import { changingFilters, lastingFilters, type Demand } from './filters.js';
import { priorityOf } from './groups.js';
import { holdingOf, isCounted, type Holding, type NodeInfo } from './node-info.js';
import type { Held, NodeTable } from './node-table.js';

/** A task that runs and goes, for one of higher priority. */
export interface Preemption {
  victim: Task;
  info: NodeInfo;
  reason: string;
}

/** A task that found no node, and why. */
export interface Waiting {
  task: Task;
  error: string;
  /** The only node that it may be on. */
  only?: NodeInfo | undefined;
}

/** Tasks looked after in one pass; what they change brings about the next. */
const maxTasks = 100;
/** Nodes whose tasks are looked at for one of them. */
const maxNodes = 200;

/**
 * Makes room for tasks of higher priority that wait: on the node where the highest victim is lowest and the victims are fewest, and
 * nowhere if it would be in vain. Room that is being made already is waited for. Returns what is kept free for them: who would be placed
 * after them gets none of it, else it would be taken again before it is enough.
 */
export function preempt(view: ClusterView, table: NodeTable, demands: Demands, waiting: readonly Waiting[], evict: Preemption[]): Held[] {
  const claims: Held[] = [];
  if (waiting.length === 0) return claims;
  const room = new Room(view);
  const hopeless = new Set<string>();
  for (const entry of waiting.slice(0, maxTasks)) {
    const { task, only } = entry;
    const group = only ? task.id : `${task.serviceId}.${task.templateVersion}`;
    const demand = hopeless.has(group) ? undefined : demands.of(task);
    if (!demand || sharesNamespaces(demand.template)) continue;
    const found = findRoom(room, demand, only ? [only] : table.infos.values(), priorityOf(view, task));
    if (!found) {
      hopeless.add(group);
      continue;
    }
    claims.push(claim(room, demand, found));
    for (const victim of found.victims) {
      evict.push({ victim, info: found.info, reason: `preempted by ${taskName(task)} (priority ${priorityOf(view, task)}), which needs its room on ${nodeName(found.info.node)}` });
    }
    entry.error = `${entry.error}; tasks of lower priority make room on ${nodeName(found.info.node)}`;
  }
  room.restore();
  return claims;
}

interface Found {
  info: NodeInfo;
  victims: Task[];
  /** The highest among the victims. */
  priority: number;
}

function findRoom(room: Room, demand: GroupDemand, infos: Iterable<NodeInfo>, priority: number): Found | undefined {
  const suitable: NodeInfo[] = [];
  for (const info of infos) {
    if (!lastingFilters.every((filter) => filter.accepts(demand, info))) continue;
    room.letGo(info);
    if (accepts(demand, info)) return { info, victims: [], priority: -Infinity };
    suitable.push(info);
    if (suitable.length === maxNodes) break;
  }
  let best: Found | undefined;
  for (const info of suitable) {
    const found = chooseVictims(room, demand, info, priority);
    if (found && (!best || found.priority < best.priority || (found.priority === best.priority && found.victims.length < best.victims.length))) best = found;
  }
  return best;
}

/** The lowest go first, the youngest of equals; then those that turn out not to be needed stay, the highest first. */
function chooseVictims(room: Room, demand: Demand, info: NodeInfo, priority: number): Found | undefined {
  const chosen: Task[] = [];
  for (const task of room.lowerThan(priority, info)) {
    if (accepts(demand, info)) break;
    room.release(info, task);
    chosen.push(task);
  }
  const isEnough = accepts(demand, info);
  const victims = isEnough ? chosen.toReversed().filter((task) => !couldStay(room, demand, info, task)) : [];
  for (const task of isEnough ? victims : chosen) room.takeBack(info, task);
  return isEnough ? { info, victims, priority: victims.reduce((highest, task) => Math.max(highest, room.priorityOf(task)), -Infinity) } : undefined;
}

function couldStay(room: Room, demand: Demand, info: NodeInfo, task: Task): boolean {
  room.takeBack(info, task);
  if (accepts(demand, info)) return true;
  room.release(info, task);
  return false;
}

function claim(room: Room, demand: GroupDemand, { info, victims }: Found): Held {
  for (const task of victims) room.release(info, task);
  const holding: Holding = { reservations: demand.template.resources?.reservations ?? {}, hostPorts: demand.hostPorts, counts: true };
  info.hold(holding);
  demand.tasksOn.set(info, (demand.tasksOn.get(info) ?? 0) + 1);
  return { infos: [info], holdings: [holding] };
}

function accepts(demand: Demand, info: NodeInfo): boolean {
  return changingFilters.every((filter) => filter.accepts(demand, info));
}

/** What nodes would hold if some tasks were gone; in the end everything is as it was. */
class Room {
  readonly #undo: (() => void)[] = [];
  readonly #letGo = new Set<NodeInfo>();
  readonly #gone = new Set<string>();

  constructor(readonly view: ClusterView) {}

  priorityOf(task: Task): number {
    return priorityOf(this.view, task);
  }

  /** What is about to stop, or told to go, leaves room before long. */
  letGo(info: NodeInfo): void {
    if (this.#letGo.has(info)) return;
    this.#letGo.add(info);
    for (const task of this.view.tasksOnNode(info.node.id)) if (!hasEnded(task) && (!isWanted(task) || task.eviction?.kind === 'preemption')) this.release(info, task);
  }

  /** Tasks that may be asked to go, lowest priority first, then the youngest. */
  lowerThan(priority: number, { node }: NodeInfo): Task[] {
    const lower = this.view.tasksOnNode(node.id).filter((task) => isCounted(task) && !this.#gone.has(task.id) && this.priorityOf(task) < priority);
    return lower.sort((a, b) => this.priorityOf(a) - this.priorityOf(b) || byAge(b, a));
  }

  release(info: NodeInfo, task: Task): void {
    const holding = this.#holdingOf(task);
    if (!holding) return;
    this.#gone.add(task.id);
    info.release(holding);
    this.#undo.push(() => info.hold(holding));
  }

  takeBack(info: NodeInfo, task: Task): void {
    const holding = this.#holdingOf(task);
    if (!holding || !this.#gone.delete(task.id)) return;
    info.hold(holding);
    this.#undo.push(() => info.release(holding));
  }

  restore(): void {
    for (const undo of this.#undo.reverse()) undo();
  }

  #holdingOf(task: Task): Holding | undefined {
    return holdingOf(task, this.view.templateOf(task)?.resources?.reservations ?? {});
  }
}
