import { timestamp } from '../../base/src/index.js';
import { isWanted, nodeName, taskName, type Change, type ClusterView, type Decide, type DecisionContext, type PortConfig, type Task, type TaskTemplate } from '../../model/src/index.js';
import { nodesBeside, sharesNamespaces } from './beside.js';
import { candidatesFor } from './candidates.js';
import { explainRefusal, filters, type Demand } from './filters.js';
import { GroupPlacer } from './group-placer.js';
import { isCounted, portKey, type Holding, type NodeInfo } from './node-info.js';
import { nodeTable, type Held, type NodeTable } from './node-table.js';

/** Where pending tasks go, in named buckets. */
export interface Placement {
  place: PlacedGroup[];
  wait: { task: Task; error: string }[];
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

/** Dynamic host-mode ports come from the range that published ports without a number come from. */
const firstDynamicPort = 30000;
const lastDynamicPort = 32767;
/** This many recent failures of a service version put a node behind all others. */
const failuresThatCount = 5;

/** Every pending task gets a node, or a status that says why it has none. */
export const schedule: Decide = (view, context) => {
  const placement = planPlacement(view, context.nowMs);
  return { changes: toChanges(placement, context), sentences: toSentences(placement) };
};

/** Where every pending task goes. The view stays as it is. */
export function planPlacement(view: ClusterView, nowMs: number): Placement {
  const table = view.index(nodeTable);
  const pass: Pass = { view, table, nowMs, held: [], tasksOn: new Map(), placement: { place: [], wait: [] } };
  for (const group of groups(table.pending.values())) {
    const template = view.templateOf(group[0]!);
    if (template && sharesNamespaces(template)) for (const task of group) placeBeside(pass, task, template);
    else if (group[0]!.nodeId === '') placeGroup(pass, group);
    else for (const task of group) confirm(pass, task, table.infos.get(task.nodeId));
  }
  table.undo(pass.held);
  return pass.placement;
}

/** One look at all pending tasks. What it places holds its node's resources until the pass is over: the commit, if it comes, takes them again. */
interface Pass {
  view: ClusterView;
  table: NodeTable;
  nowMs: number;
  held: Held[];
  /** By service: how many tasks of it each node has. */
  tasksOn: Map<string, Map<NodeInfo, number>>;
  placement: Placement;
}

/** Tasks of one service version differ in nothing that matters here, but for ports and for nodes that they were born with. */
function* groups(tasks: Iterable<Task>): Generator<Task[]> {
  const byService = new Map<string, Task[]>();
  for (const task of tasks) {
    const group = byService.get(task.serviceId);
    if (group) group.push(task);
    else byService.set(task.serviceId, [task]);
  }
  for (const group of byService.values()) {
    const [first] = group;
    if (group.every((task) => isAlike(task, first!))) yield group.sort(bySlot);
    else for (const part of splitByKind(group).values()) yield part.sort(bySlot);
  }
}

function isAlike(a: Task, b: Task): boolean {
  return a.templateVersion === b.templateVersion && (a.nodeId === '') === (b.nodeId === '') && a.hostPorts.length === 0 && b.hostPorts.length === 0;
}

function splitByKind(tasks: readonly Task[]): Map<string, Task[]> {
  const parts = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = kindOf(task);
    const part = parts.get(key);
    if (part) part.push(task);
    else parts.set(key, [task]);
  }
  return parts;
}

/** What tasks of one group have in common. */
function kindOf(task: Task): string {
  return [task.serviceId, task.templateVersion, task.nodeId !== '', ...task.hostPorts.map((port) => portKey(port.protocol, port.publishedPort ?? 0))].join();
}

function bySlot(a: Task, b: Task): number {
  return a.slot - b.slot;
}

/** A task whose node is given, as to one of a global service, which was born with it: it only has to pass the filters. */
function confirm(pass: Pass, task: Task, info: NodeInfo | undefined): void {
  const demand = demandOf(pass, task);
  const hostPorts = info && demand && filters.every((filter) => filter.accepts(demand, info)) ? choosePorts(task, info) : undefined;
  if (!info || !demand || !hostPorts) {
    pass.placement.wait.push({ task, error: demand && info ? explainRefusal(demand, [info]) : 'no suitable node' });
    return;
  }
  const holding = holdingFor(demand, hostPorts);
  info.hold(holding);
  demand.tasksOn.set(info, (demand.tasksOn.get(info) ?? 0) + 1);
  pass.held.push({ infos: [info], holdings: [holding] });
  pass.placement.place.push({ tasks: [task], infos: [info], hostPorts: [hostPorts], preassigned: task.nodeId !== '' });
}

/** A task that shares namespaces goes where their owners are: of several such nodes to the one with the least load. */
function placeBeside(pass: Pass, task: Task, template: TaskTemplate): void {
  const found = nodesBeside(pass.view, task, template);
  if ('error' in found) return waitAll(pass.placement, [task], `no suitable node: ${found.error}`);
  const infos = found.nodeIds.flatMap((nodeId) => pass.table.infos.get(nodeId) ?? []).sort((a, b) => a.load - b.load);
  const demand = demandOf(pass, task);
  const accepting = demand && infos.find((info) => filters.every((filter) => filter.accepts(demand, info)));
  confirm(pass, task, accepting ?? infos[0]);
}

/** O(tasks · log nodes), and the nodes that must be refused. */
function placeGroup(pass: Pass, tasks: readonly Task[]): void {
  const { table, placement } = pass;
  const kind = kindOf(tasks[0]!);
  const refused = table.refusals.get(kind);
  // Nothing has become free since: the answer would be the same.
  if (refused?.relief === table.relief) return waitAll(placement, tasks, refused.error);
  table.refusals.delete(kind);
  const demand = demandOf(pass, tasks[0]!);
  if (!demand) return waitAll(placement, tasks, `template ${tasks[0]!.templateVersion} of service ${tasks[0]!.serviceName} is gone`);
  const count = place(pass, demand, tasks);
  if (count === tasks.length) return;
  const error = explainRefusal(demand, table.infos.values());
  table.refusals.set(kind, { relief: table.relief, error });
  waitAll(placement, tasks.slice(count), error);
}

/** Returns how many of the tasks found a node. */
function place({ table, nowMs, held, placement }: Pass, demand: GroupDemand, tasks: readonly Task[]): number {
  const isFailing = (info: NodeInfo) => info.recentFailures(tasks[0]!, nowMs) >= failuresThatCount;
  const placer = new GroupPlacer(candidatesFor(table, demand.template), demand, demand.tasksOn, isFailing);
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

interface GroupDemand extends Demand {
  tasksOn: Map<NodeInfo, number>;
}

function demandOf(pass: Pass, task: Task): GroupDemand | undefined {
  const template = pass.view.templateOf(task);
  return template && { template, hostPorts: task.hostPorts, tasksOn: tasksOn(pass, task.serviceId) };
}

function tasksOn({ view, table, tasksOn }: Pass, serviceId: string): Map<NodeInfo, number> {
  let counts = tasksOn.get(serviceId);
  if (counts) return counts;
  tasksOn.set(serviceId, (counts = new Map()));
  for (const task of view.tasksOfService(serviceId)) {
    const info = task.nodeId === '' ? undefined : table.infos.get(task.nodeId);
    if (info && isCounted(task)) counts.set(info, (counts.get(info) ?? 0) + 1);
  }
  return counts;
}

/** Host-mode ports with a number for each that names none; undefined: the node has no free one. */
function choosePorts(task: Task, info: NodeInfo): PortConfig[] | undefined {
  const chosen = new Set<string>();
  const ports: PortConfig[] = [];
  for (const port of task.hostPorts) {
    const publishedPort = port.publishedPort || freePort(port, info, chosen);
    if (publishedPort === undefined) return undefined;
    chosen.add(portKey(port.protocol, publishedPort));
    ports.push({ ...port, publishedPort });
  }
  return ports;
}

function freePort(port: PortConfig, info: NodeInfo, chosen: ReadonlySet<string>): number | undefined {
  for (let candidate = firstDynamicPort; candidate <= lastDynamicPort; candidate++) {
    const key = portKey(port.protocol, candidate);
    if (!info.hasHostPort(key) && !chosen.has(key)) return candidate;
  }
  return undefined;
}

function toChanges({ place, wait }: Placement, { nowMs }: DecisionContext): Change[] {
  const changes: Change[] = [];
  const now = timestamp(nowMs);
  for (const { tasks, infos, hostPorts, preassigned } of place) {
    const message = preassigned ? 'scheduler confirmed task can run on preassigned node' : 'scheduler assigned task to node';
    const status = { state: 'assigned', timestamp: now, message, error: '' } as const;
    for (const [index, task] of tasks.entries()) {
      changes.push({ action: 'update', kind: 'task', object: { ...task, nodeId: infos[index]!.node.id, hostPorts: hostPorts[index] ?? [], updatedAt: now }, expect: task.version });
      changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'scheduler', status });
    }
  }
  for (const { task, error } of wait) {
    if (error === task.status.error) continue;
    changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'scheduler', status: { ...task.status, timestamp: now, error } });
  }
  return changes;
}

function toSentences({ place, wait }: Placement): string[] {
  return [
    ...place.flatMap(({ tasks, infos }) => tasks.map((task, index) => `place ${taskName(task)} on ${nodeName(infos[index]!.node)}`)),
    ...wait.filter(({ task, error }) => error !== task.status.error).map(({ task, error }) => `${taskName(task)} waits: ${error}`),
  ];
}
