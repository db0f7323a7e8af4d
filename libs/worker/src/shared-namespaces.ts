import { Refused } from '../../base/src/index.js';
import { isTerminal, parseNamespaceMode, type AssignedTask, type NamespaceMode } from '../../model/src/index.js';
import { containerIdOf, taskNameOf, type NodeFacts } from './names.js';

/** A task of this node as the others see it. */
export interface Neighbour {
  task: AssignedTask;
  isRunning: boolean;
}

/** Whose namespaces a task's container shares. */
export interface SharedNamespaces {
  pid?: AssignedTask;
  ipc?: AssignedTask;
  /** Whose network it has: the end of the chain when that one shares another's. */
  network?: AssignedTask;
}

/**
 * The tasks that `service:NAME` and `container:ID` mean: of a service the one with the same slot (of a global service the one of this
 * node). The scheduler places a task only beside one that runs; throws `Refused('precondition')` when it has ended meanwhile.
 */
export function sharedNamespaces(task: AssignedTask, neighbours: () => readonly Neighbour[], node: NodeFacts): SharedNamespaces {
  const { pidMode, ipcMode } = task.template.container;
  const find = (mode: NamespaceMode | undefined) => (mode && isOfOther(mode) ? findNeighbour(task, mode, neighbours, node) : undefined);
  const [pid, ipc, network] = [find(parseNamespaceMode('pid', pidMode)), find(parseNamespaceMode('ipc', ipcMode)), networkOwner(task, neighbours, node)];
  return { ...(pid && { pid }), ...(ipc && { ipc }), ...(network && { network }) };
}

const longestChain = 8;

function networkOwner(task: AssignedTask, neighbours: () => readonly Neighbour[], node: NodeFacts): AssignedTask | undefined {
  let owner = task;
  for (let length = 0; length < longestChain; length++) {
    const mode = parseNamespaceMode('network', owner.template.container.networkMode);
    if (!mode || !isOfOther(mode)) return owner === task ? undefined : owner;
    owner = findNeighbour(owner, mode, neighbours, node);
  }
  throw new Refused('invalid', `the network modes of ${task.serviceName} and those that it shares a network with go round in a circle`);
}

type OtherMode = Extract<NamespaceMode, { kind: 'service' | 'container' }>;

function isOfOther(mode: NamespaceMode): mode is OtherMode {
  return mode.kind === 'service' || mode.kind === 'container';
}

function findNeighbour(task: AssignedTask, mode: OtherMode, neighbours: () => readonly Neighbour[], node: NodeFacts): AssignedTask {
  const others = neighbours().filter((one) => one.task.id !== task.id && one.isRunning && !isTerminal(one.task.desiredState));
  const found = others.find((one) => isMeant(one.task, mode, task, node));
  if (found) return found.task;
  const what = mode.kind === 'service' ? `task ${taskNameOf({ serviceName: mode.name, slot: task.slot }, node.nodeId)}` : `container ${mode.id}`;
  throw new Refused('precondition', `${what}, whose namespaces this one shares, does not run on node ${node.hostname}`);
}

function isMeant(other: AssignedTask, mode: OtherMode, task: AssignedTask, node: NodeFacts): boolean {
  if (mode.kind === 'service') return other.serviceName === mode.name && (other.slot === task.slot || other.slot === 0);
  const containerId = containerIdOf(other.id);
  return mode.id === `${taskNameOf(other, node.nodeId)}.${other.id}` || (mode.id.length >= 12 && containerId.startsWith(mode.id));
}
