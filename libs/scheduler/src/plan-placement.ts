import { nodeName, type ClusterView, type PortConfig, type Task, type TaskTemplate } from '../../model/src/index.js';
import { nodesBeside, sharesNamespaces } from './beside.js';
import { candidatesFor } from './candidates.js';
import { countNear, Demands, type GroupDemand } from './demand.js';
import { explainRefusal, filters, type Demand } from './filters.js';
import { GroupPlacer } from './group-placer.js';
import { byPriority, groupsOf, kindOf, priorityOf } from './groups.js';
import { choosePorts } from './host-ports.js';
import type { Holding, NodeInfo } from './node-info.js';
import { nodeTable, type Held, type NodeTable } from './node-table.js';
import { preempt, type Preemption, type Waiting } from './preempt.js';
import { volumeHomes, type VolumeHome } from './volume-home.js';

/** Where pending tasks go, in named buckets. */
export interface Placement {
  place: PlacedGroup[];
  wait: Waiting[];
  /** Tasks that shall make room for some that wait. */
  evict: Preemption[];
}

/** Tasks of one kind with the node of each. */
export interface PlacedGroup {
  tasks: readonly Task[];
  infos: NodeInfo[];
  /** Of each task, with every choice made; empty: none has any. */
  hostPorts: PortConfig[][];
  /** They were born with their nodes. */
  preassigned: boolean;
}

/** This many recent failures of a service version put a node behind all others. */
const failuresThatCount = 5;

/** Where every pending task goes. The view stays as it is. */
export function planPlacement(view: ClusterView, nowMs: number): Placement {
  const table = view.index(nodeTable);
  const pass: Pass = { view, table, nowMs, held: [], demands: new Demands(view, table), placement: { place: [], wait: [], evict: [] } };
  const groups = groupsOf(table.pending.values());
  if (table.prioritized.size === 0) for (const group of groups) placeAny(pass, group);
  else for (const group of byPriority(view, groups)) placeWithPriority(pass, group);
  table.undo(pass.held);
  return pass.placement;
}

/** One look at all pending tasks. What it places holds its node's resources until the pass is over: the commit, if it comes, takes them again. */
interface Pass {
  view: ClusterView;
  table: NodeTable;
  nowMs: number;
  held: Held[];
  demands: Demands;
  placement: Placement;
}

/** Who finds no room makes some before those of lower priority are placed. */
function placeWithPriority(pass: Pass, group: Task[]): void {
  const { view, table, demands, placement, held } = pass;
  const before = placement.wait.length;
  placeAny(pass, group);
  if (placement.wait.length > before && priorityOf(view, group[0]!) > table.lowestPriority()) held.push(...preempt(view, table, demands, placement.wait.slice(before), placement.evict));
}

function placeAny(pass: Pass, group: Task[]): void {
  const [first] = group;
  const template = pass.view.templateOf(first!);
  if (template && sharesNamespaces(template)) for (const task of group) placeBeside(pass, task, template);
  else if (first!.nodeId !== '') for (const task of group) confirm(pass, task, pass.table.infos.get(task.nodeId));
  else placeGroup(pass, template ? placeAtHome(pass, group, template) : group);
}

/** Tasks whose data is on some node go there, or wait for it. Returns the others. */
function placeAtHome(pass: Pass, group: Task[], template: TaskTemplate): Task[] {
  const homes = volumeHomes(pass.view, group[0]!.serviceId, template);
  if (!homes || homes.size === 0) return group;
  return group.filter((task) => {
    const home = homes.get(task.slot);
    if (home) confirm(pass, task, pass.table.infos.get(home.nodeId), home);
    return !home;
  });
}

/** A task whose node is given, as to one of a global service, which was born with it: it only has to pass the filters. */
function confirm(pass: Pass, task: Task, info: NodeInfo | undefined, home?: VolumeHome): void {
  const demand = pass.demands.of(task);
  const hostPorts = info && demand && filters.every((filter) => filter.accepts(demand, info)) ? choosePorts(task, info) : undefined;
  if (!info || !demand || !hostPorts) {
    pass.placement.wait.push({ task, error: demand && info ? whyNot(demand, info, home) : 'no suitable node', only: info });
    return;
  }
  const holding = holdingFor(demand, hostPorts);
  info.hold(holding);
  demand.tasksOn.set(info, (demand.tasksOn.get(info) ?? 0) + 1);
  countNear(demand, info);
  pass.held.push({ infos: [info], holdings: [holding] });
  pass.placement.place.push({ tasks: [task], infos: [info], hostPorts: [hostPorts], preassigned: task.nodeId !== '' });
}

function whyNot(demand: Demand, info: NodeInfo, home: VolumeHome | undefined): string {
  const refusal = explainRefusal(demand, [info]);
  return home ? `${refusal}; its volume ${home.volume} is on ${nodeName(info.node)}` : refusal;
}

/** A task that shares namespaces goes where their owners are: of several such nodes to the one with the least load. */
function placeBeside(pass: Pass, task: Task, template: TaskTemplate): void {
  const found = nodesBeside(pass.view, task, template);
  if ('error' in found) return waitAll(pass.placement, [task], `no suitable node: ${found.error}`);
  const infos = found.nodeIds.flatMap((nodeId) => pass.table.infos.get(nodeId) ?? []).sort((a, b) => a.load - b.load);
  const demand = pass.demands.of(task);
  const accepting = demand && infos.find((info) => filters.every((filter) => filter.accepts(demand, info)));
  confirm(pass, task, accepting ?? infos[0]);
}

/** O(tasks · log nodes), and the nodes that must be refused. */
function placeGroup(pass: Pass, tasks: readonly Task[]): void {
  if (tasks.length === 0) return;
  const { table, placement } = pass;
  const kind = kindOf(tasks[0]!);
  const refused = table.refusals.get(kind);
  // Nothing has become free since: the answer would be the same.
  if (refused?.relief === table.relief) return waitAll(placement, tasks, refused.error);
  table.refusals.delete(kind);
  const demand = pass.demands.of(tasks[0]!);
  if (!demand) return waitAll(placement, tasks, `template ${tasks[0]!.templateVersion} of service ${tasks[0]!.serviceName} is gone`);
  const count = place(pass, demand, tasks);
  if (count === tasks.length) return;
  const error = explainRefusal(demand, table.infos.values());
  // A task more somewhere may be just what affinity waits for.
  if (demand.nearby.length === 0) table.refusals.set(kind, { relief: table.relief, error });
  waitAll(placement, tasks.slice(count), error);
}

/** Returns how many of the tasks found a node. */
function place({ table, nowMs, held, placement }: Pass, demand: GroupDemand, tasks: readonly Task[]): number {
  const isFailing = (info: NodeInfo) => info.recentFailures(tasks[0]!, nowMs) >= failuresThatCount;
  const placer = new GroupPlacer(candidatesFor(table, demand.template), demand, isFailing);
  const infos: NodeInfo[] = [];
  const hostPorts: PortConfig[][] = [];
  const holdings: Holding[] = demand.hostPorts.length === 0 ? [holdingFor(demand, [])] : [];
  for (const task of tasks) {
    const info = placer.take();
    const ports = info && choosePorts(task, info);
    if (!info || !ports) break;
    if (ports.length > 0) {
      hostPorts.push(ports);
      holdings.push(holdingFor(demand, ports));
    }
    info.hold(holdings.at(-1)!);
    countNear(demand, info);
    infos.push(info);
    placer.placed(info);
  }
  placer.close();
  if (infos.length === 0) return 0;
  held.push({ infos, holdings });
  placement.place.push({ tasks: infos.length === tasks.length ? tasks : tasks.slice(0, infos.length), infos, hostPorts, preassigned: false });
  return infos.length;
}

function holdingFor(demand: Demand, hostPorts: readonly PortConfig[]): Holding {
  return { reservations: demand.template.resources?.reservations ?? {}, hostPorts, counts: true };
}

function waitAll(placement: Placement, tasks: readonly Task[], error: string): void {
  for (const task of tasks) placement.wait.push({ task, error });
}
