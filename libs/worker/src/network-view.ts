import { hasOwnNetworks, isTerminal, portTraffic, type PortConfig, type AssignedTask, type AssignmentItems, type AssignmentKind, type AssignmentSet, type TaskState } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../../network/src/network.js';
import { containerIdOf } from './names.js';

/**
 * What a node's network must look like for its assignments. `stateOf`: the observed state of a task here. What is as in the view `before`
 * is the same object: by that the network sees quickly that nothing of it has changed.
 */
export function networkView(
  set: AssignmentSet,
  self: { nodeId: string; index: number },
  stateOf: (taskId: string) => TaskState | undefined,
  before?: NodeNetworkView,
): NodeNetworkView {
  const containers = itemsOf(set, 'task')
    .filter((task) => isAttached(task) && !isTerminal(stateOf(task.id) ?? 'assigned'))
    .map(localContainer);
  return {
    self: { nodeId: self.nodeId, index: self.index },
    peers: sameOr(itemsOf(set, 'peer'), before?.peers),
    networks: sameOr(itemsOf(set, 'network'), before?.networks),
    services: sameOr(itemsOf(set, 'service'), before?.services),
    containers: sameOr(containers, before?.containers),
  };
}

function sameOr<T>(items: readonly T[], before: readonly T[] | undefined): readonly T[] {
  return before && items.length === before.length && items.every((item, at) => item === before[at]) ? before : items;
}

const known = new WeakMap<AssignedTask, LocalContainer>();

/** The same for the same task: assignments stay the same objects until they are replaced. */
export function localContainer(task: AssignedTask): LocalContainer {
  let container = known.get(task);
  if (!container) {
    const { macAddress, dns } = task.template.container;
    container = { containerId: containerIdOf(task.id), taskId: task.id, serviceId: task.serviceId, networks: task.networks, hostPorts: task.hostPorts.map((port) => hostPort(task, port)), ...(dns?.nameservers.length && { nameservers: dns.nameservers }), ...(macAddress && { macAddress }) };
    known.set(task, container);
  }
  return container;
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
