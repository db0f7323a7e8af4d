import { hasOwnNetworks, isTerminal, portTraffic, type PortConfig, type AssignedTask, type AssignmentItems, type AssignmentKind, type AssignmentSet, type TaskState } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../../network/src/network.js';
import { containerIdOf } from './names.js';

/** What a node's network must look like for its assignments. `stateOf`: the observed state of a task here. */
export function networkView(
  set: AssignmentSet,
  self: { nodeId: string; index: number },
  stateOf: (taskId: string) => TaskState | undefined,
): NodeNetworkView {
  return {
    self,
    peers: itemsOf(set, 'peer'),
    networks: itemsOf(set, 'network'),
    services: itemsOf(set, 'service'),
    containers: itemsOf(set, 'task')
      .filter((task) => isAttached(task) && !isTerminal(stateOf(task.id) ?? 'assigned'))
      .map(localContainer),
  };
}

export function localContainer(task: AssignedTask): LocalContainer {
  const { macAddress } = task.template.container;
  return { containerId: containerIdOf(task.id), taskId: task.id, networks: task.networks, hostPorts: task.hostPorts.map((port) => hostPort(task, port)), ...(macAddress && { macAddress }) };
}

function hostPort({ serviceLabels }: AssignedTask, port: PortConfig): LocalContainer['hostPorts'][number] {
  const traffic = portTraffic(serviceLabels, port);
  return Object.keys(traffic).length > 0 ? { ...port, traffic } : port;
}

/** Has the container a namespace that the node's network made for it? */
export function isAttached({ template: { container } }: AssignedTask): boolean {
  return hasOwnNetworks(container) || container.networkMode === 'none';
}

export function itemsOf<K extends AssignmentKind>(set: AssignmentSet, kind: K): AssignmentItems[K][] {
  const items: AssignmentItems[K][] = [];
  for (const item of set.values()) if (item.kind === kind) items.push(item.value as AssignmentItems[K]);
  return items;
}
