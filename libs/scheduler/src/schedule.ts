import { timestamp } from '../../base/src/index.js';
import { isWanted, nodeName, taskName, type Change, type ClusterView, type Decide, type DecisionContext, type PortConfig, type Task } from '../../model/src/index.js';
import { changingFilters, explainRefusal, filters, lastingFilters, type Demand } from './filters.js';
import { nodeInfos, portKey, type NodeInfo } from './node-info.js';
import { SpreadTree } from './spread.js';

/** Where pending tasks go, in named buckets. */
export interface Placement {
  place: { task: Task; info: NodeInfo; hostPorts: PortConfig[]; preassigned: boolean }[];
  wait: { task: Task; error: string }[];
}

/** Dynamic host-mode ports come from the range that published ports without a number come from. */
const firstDynamicPort = 30000;
const lastDynamicPort = 32767;

/** Every pending task gets a node, or a status that says why it has none. */
export const schedule: Decide = (view, context) => {
  const placement = planPlacement(view, context.nowMs);
  return { changes: toChanges(placement, context), sentences: toSentences(placement) };
};

function planPlacement(view: ClusterView, nowMs: number): Placement {
  const placement: Placement = { place: [], wait: [] };
  const pending = [...view.all('task')].filter((task) => task.status.state === 'pending' && isWanted(task));
  if (pending.length === 0) return placement;
  const infos = nodeInfos(view, nowMs);
  const free: Task[] = [];
  for (const task of pending) {
    if (task.nodeId === '') free.push(task);
    else confirm(task, view, infos.get(task.nodeId), placement);
  }
  for (const tasks of groups(free)) placeGroup(tasks, view, [...infos.values()], placement);
  return placement;
}

/** A task of a global service was born with its node: it only has to pass the filters. */
function confirm(task: Task, view: ClusterView, info: NodeInfo | undefined, placement: Placement): void {
  const demand = demandOf(task, view);
  const hostPorts = info && demand && filters.every((filter) => filter.accepts(demand, info)) ? choosePorts(task, info) : undefined;
  if (info && hostPorts) put(task, demand!, info, hostPorts, true, placement);
  else placement.wait.push({ task, error: demand && info ? explainRefusal(demand, [info]) : 'no suitable node' });
}

/** Tasks of one service version differ in nothing that matters here. */
function groups(tasks: readonly Task[]): Task[][] {
  const byKey = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = `${task.serviceId}.${task.templateVersion}.${task.hostPorts.map((port) => portKey(port.protocol, port.publishedPort ?? 0)).join()}`;
    const group = byKey.get(key);
    if (group) group.push(task);
    else byKey.set(key, [task]);
  }
  return [...byKey.values()].map((group) => group.sort((a, b) => a.slot - b.slot));
}

/** O(nodes + tasks · log nodes): the lasting filters run once per node, the changing ones only for a node that is about to be taken. */
function placeGroup(tasks: readonly Task[], view: ClusterView, infos: readonly NodeInfo[], placement: Placement): void {
  const demand = demandOf(tasks[0]!, view);
  if (!demand) {
    for (const task of tasks) placement.wait.push({ task, error: `template ${task.templateVersion} of service ${task.serviceName} is gone` });
    return;
  }
  const suitable = infos.filter((info) => lastingFilters.every((filter) => filter.accepts(demand, info)));
  const tree = new SpreadTree(suitable, infos, demand);
  let refusal: string | undefined;
  for (const task of tasks) {
    const info = tree.take((candidate) => changingFilters.every((filter) => filter.accepts(demand, candidate)));
    const hostPorts = info && choosePorts(task, info);
    if (info && hostPorts) {
      put(task, demand, info, hostPorts, false, placement);
      tree.placed(info);
    } else {
      placement.wait.push({ task, error: (refusal ??= explainRefusal(demand, infos)) });
    }
  }
}

function demandOf(task: Task, view: ClusterView): Demand | undefined {
  const template = view.templateOf(task);
  return template && { serviceId: task.serviceId, templateVersion: task.templateVersion, template, hostPorts: task.hostPorts };
}

function put(task: Task, demand: Demand, info: NodeInfo, hostPorts: PortConfig[], preassigned: boolean, placement: Placement): void {
  info.add(task, demand.template.resources?.reservations ?? {}, hostPorts);
  placement.place.push({ task, info, hostPorts, preassigned });
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
    if (!info.hostPorts.has(key) && !chosen.has(key)) return candidate;
  }
  return undefined;
}

function toChanges({ place, wait }: Placement, { nowMs }: DecisionContext): Change[] {
  const changes: Change[] = [];
  const now = timestamp(nowMs);
  for (const { task, info, hostPorts, preassigned } of place) {
    const message = preassigned ? 'scheduler confirmed task can run on preassigned node' : 'scheduler assigned task to node';
    changes.push({ action: 'update', kind: 'task', object: { ...task, nodeId: info.node.id, hostPorts, updatedAt: now }, expect: task.version });
    changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'scheduler', status: { state: 'assigned', timestamp: now, message, error: '' } });
  }
  for (const { task, error } of wait) {
    if (error === task.status.error) continue;
    changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'scheduler', status: { ...task.status, timestamp: now, error } });
  }
  return changes;
}

function toSentences({ place, wait }: Placement): string[] {
  return [
    ...place.map(({ task, info }) => `place ${taskName(task)} on ${nodeName(info.node)}`),
    ...wait.filter(({ task, error }) => error !== task.status.error).map(({ task, error }) => `${taskName(task)} waits: ${error}`),
  ];
}
