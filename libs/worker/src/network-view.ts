import { isTerminal, type AssignedTask, type AssignmentItems, type AssignmentKind, type AssignmentSet, type TaskState } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../../network/src/network.js';
import { containerIdOf } from './container-request.js';

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
      .filter((task) => !isTerminal(stateOf(task.id) ?? 'assigned'))
      .map(localContainer),
  };
}

export function localContainer(task: AssignedTask): LocalContainer {
  return { containerId: containerIdOf(task.id), taskId: task.id, networks: task.networks, hostPorts: task.hostPorts };
}

export function itemsOf<K extends AssignmentKind>(set: AssignmentSet, kind: K): AssignmentItems[K][] {
  const items: AssignmentItems[K][] = [];
  for (const item of set.values()) if (item.kind === kind) items.push(item.value as AssignmentItems[K]);
  return items;
}
