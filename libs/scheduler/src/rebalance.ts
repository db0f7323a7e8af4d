import { byAge, hasEnded, isWanted, joinedServices, labelOf, nodeName, type ClusterView, type Service, type Task } from '../../model/src/index.js';
import { sharesNamespaces } from './beside.js';
import { candidatesFor } from './candidates.js';
import { Demands, type GroupDemand } from './demand.js';
import { GroupPlacer } from './group-placer.js';
import { holdingOf, isCounted, type Holding, type NodeInfo } from './node-info.js';
import { nodeTable, type NodeTable } from './node-table.js';
import { volumeHomes } from './volume-home.js';

/** A task that would be better off elsewhere. */
export interface Move {
  task: Task;
  from: NodeInfo;
  to: NodeInfo;
  why: string;
}

/** More than this many are for another time. */
const maxMoves = 1_000;
/** Shares of reserved resources that differ by less are the same: to move a task is not for nothing. */
const shareThatCounts = 1 / 16;

/**
 * Which tasks of these services to move where, so that they are spread as the scheduler would spread them now: each move makes the
 * balance strictly better, so there is an end. The view stays as it is.
 */
export function planRebalance(view: ClusterView, services: Iterable<Service>): Move[] {
  const table = view.index(nodeTable);
  const balance = new Balance(view, table);
  const joined = servicesThatAreJoined(view);
  const moves: Move[] = [];
  for (const service of services) {
    if (moves.length >= maxMoves) break;
    if (isMovable(view, service) && !joined.has(service.spec.name)) balance.improve(service, moves);
  }
  balance.restore();
  return moves;
}

function isMovable(view: ClusterView, service: Service): boolean {
  const { template, mode } = service.spec;
  const state = service.status.update?.state;
  if (mode.kind !== 'replicated' || state === 'updating' || state === 'rollback_started' || sharesNamespaces(template)) return false;
  return volumeHomes(view, service.id, template) === undefined;
}

/** Others share namespaces of their tasks, and would stay behind. */
function servicesThatAreJoined(view: ClusterView): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { spec } of view.all('service')) if (sharesNamespaces(spec.template)) for (const name of joinedServices(spec.template.container)) names.add(name);
  return names;
}

/** The cluster as it would be after the moves so far. */
class Balance {
  readonly #demands: Demands;
  readonly #undo: (() => void)[] = [];

  constructor(
    readonly view: ClusterView,
    readonly table: NodeTable,
  ) {
    this.#demands = new Demands(view, table);
  }

  /** One task after the other, always from a node that has most of the service. */
  improve(service: Service, moves: Move[]): void {
    const tasks = this.view.tasksOfService(service.id).filter((task) => isWanted(task) && !hasEnded(task));
    if (tasks.some((task) => !isCounted(task) || task.eviction || task.templateVersion !== service.templateVersion)) return;
    const demand = tasks[0] && this.#demands.of(tasks[0]);
    if (!demand || demand.strategy === 'pack') return;
    const byNode = this.#byNode(tasks);
    while (moves.length < maxMoves) {
      const move = this.#bestMove(demand, byNode);
      if (!move) return;
      moves.push(move);
      byNode.get(move.from)!.pop(); // who has moved stays there
    }
  }

  #byNode(tasks: Task[]): Map<NodeInfo, Task[]> {
    const byNode = new Map<NodeInfo, Task[]>();
    for (const task of tasks.sort(byAge)) {
      const info = this.table.infos.get(task.nodeId);
      if (info) byNode.set(info, [...(byNode.get(info) ?? []), task]);
    }
    return byNode;
  }

  /** Tasks of one node are alike: the youngest stands for all. */
  #bestMove(demand: GroupDemand, byNode: ReadonlyMap<NodeInfo, Task[]>): Move | undefined {
    const fullestFirst = [...byNode].sort(([, a], [, b]) => b.length - a.length);
    for (const [from, tasks] of fullestFirst) {
      const task = tasks.at(-1);
      const move = task && this.#tryMove(demand, task, from);
      if (move) return move;
    }
    return undefined;
  }

  #tryMove(demand: GroupDemand, task: Task, from: NodeInfo): Move | undefined {
    const holding = holdingOf(task, demand.template.resources?.reservations ?? {})!;
    this.#shift(demand, from, holding, -1);
    const placer = new GroupPlacer(candidatesFor(this.table, demand.template), { ...demand, hostPorts: task.hostPorts }, () => false);
    const to = placer.take();
    placer.close();
    const why = to && to !== from ? whyBetter(demand, from, to) : undefined;
    this.#shift(demand, why === undefined ? from : to!, holding, 1);
    return why === undefined ? undefined : { task, from, to: to!, why };
  }

  restore(): void {
    for (const undo of this.#undo.reverse()) undo();
  }

  #shift(demand: GroupDemand, info: NodeInfo, holding: Holding, by: 1 | -1): void {
    const change = (sign: 1 | -1) => {
      if (sign === 1) info.hold(holding);
      else info.release(holding);
      this.table.improved(info);
    };
    change(by);
    this.#undo.push(() => change(by === 1 ? -1 : 1));
    const count = (demand.tasksOn.get(info) ?? 0) + by;
    if (count > 0) demand.tasksOn.set(info, count);
    else demand.tasksOn.delete(info);
  }
}

/** Without the task that is to go there or to stay. Undefined: it is not. */
function whyBetter({ template, tasksOn }: GroupDemand, from: NodeInfo, to: NodeInfo): string | undefined {
  const descriptors = template.placement?.preferences.map(({ spread }) => spread) ?? [];
  for (const [level, descriptor] of descriptors.entries()) {
    const within = descriptors.slice(0, level + 1);
    if (labelOf(from.node, descriptor) === labelOf(to.node, descriptor)) continue;
    const here = countLike(tasksOn, from, within);
    const there = countLike(tasksOn, to, within);
    return there < here ? `${descriptor} ${labelOf(to.node, descriptor) || 'none'} has ${there} of its tasks, ${labelOf(from.node, descriptor) || 'none'} has ${here + 1}` : undefined;
  }
  const here = tasksOn.get(from) ?? 0;
  const there = tasksOn.get(to) ?? 0;
  if (there !== here) return there < here ? `${nodeName(to.node)} has ${there} of its tasks, ${nodeName(from.node)} has ${here + 1}` : undefined;
  if (Math.abs(from.share - to.share) >= shareThatCounts) {
    return to.share < from.share ? `${percent(to.share)} of ${nodeName(to.node)} is reserved, of ${nodeName(from.node)} ${percent(from.share)} by others` : undefined;
  }
  return to.tasks < from.tasks ? `${nodeName(to.node)} has ${to.tasks} tasks, ${nodeName(from.node)} has ${from.tasks + 1}` : undefined;
}

function countLike(tasksOn: ReadonlyMap<NodeInfo, number>, like: NodeInfo, descriptors: readonly string[]): number {
  let sum = 0;
  for (const [info, count] of tasksOn) if (descriptors.every((descriptor) => labelOf(info.node, descriptor) === labelOf(like.node, descriptor))) sum += count;
  return sum;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
