import { compareStates, hasEnded, nodeName, type ClusterView, type Task } from '../../model/src/index.js';
import { nodesBeside, sharesNamespaces } from './beside.js';
import { Demands } from './demand.js';
import { filters } from './filters.js';
import type { NodeInfo } from './node-info.js';
import { nodeTable } from './node-table.js';
import { volumeHomes } from './volume-home.js';

/** Why one node does not take a task, or that it would. */
export interface NodeVerdict {
  nodeId: string;
  node: string;
  /** All that speaks against it; empty: nothing. */
  refusals: { filter: string; reason: string }[];
}

/** Why a task has no node yet, looked at node by node. */
export interface Explanation {
  /** Empty: nothing but its turn. */
  summary: string;
  nodes: NodeVerdict[];
}

/** For a task that waits for a node; of others, `nodes` is empty and the summary says how it stands. */
export function explainTask(view: ClusterView, task: Task): Explanation {
  const { state, error } = task.status;
  if (hasEnded(task)) return { summary: `it is over: ${state}${error ? `: ${error}` : ''}`, nodes: [] };
  if (compareStates(state, 'assigned') >= 0) return { summary: `it has a node, and is ${state}${error ? `: ${error}` : ''}`, nodes: [] };
  if (state === 'new') return { summary: error || 'it waits for its addresses and ports', nodes: [] };
  const table = view.index(nodeTable);
  const demand = new Demands(view, table).of(task);
  if (!demand) return { summary: error, nodes: [] };
  const outside = whyOutside(view, task);
  const nodes = [...table.infos.values()].map((info): NodeVerdict => {
    const refusals = filters.filter((filter) => !filter.accepts(demand, info)).map((filter) => ({ filter: filter.name, reason: filter.reason(demand, info) }));
    const apart = outside(info);
    return { nodeId: info.node.id, node: nodeName(info.node), refusals: apart ? [apart, ...refusals] : refusals };
  });
  return { summary: error, nodes: nodes.sort((a, b) => a.refusals.length - b.refusals.length || (a.node < b.node ? -1 : 1)) };
}

/** What rules nodes out beside the filters: the task was made for a node, its data is on one, or it shares namespaces with others. */
function whyOutside(view: ClusterView, task: Task): (info: NodeInfo) => { filter: string; reason: string } | undefined {
  const only = (nodeIds: readonly string[], filter: string, reason: string) => ({ node }: NodeInfo) => (nodeIds.includes(node.id) ? undefined : { filter, reason });
  const template = view.templateOf(task)!;
  if (sharesNamespaces(template)) {
    const found = nodesBeside(view, task, template);
    return 'error' in found ? only([], 'namespaces', found.error) : only(found.nodeIds, 'namespaces', 'those whose namespaces it shares are elsewhere');
  }
  if (task.nodeId !== '') return only([task.nodeId], 'own node', 'this task of a global service is for another node');
  const home = volumeHomes(view, task.serviceId, template)?.get(task.slot);
  if (!home) return () => undefined;
  const node = view.get('node', home.nodeId);
  return only([home.nodeId], 'volumes', `its volume ${home.volume} is on ${node ? nodeName(node) : home.nodeId}`);
}
