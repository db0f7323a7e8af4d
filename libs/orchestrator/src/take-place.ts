import { compareStates, hasEnded, isWanted, satisfiesAll, type ClusterView, type Node, type ResourceReservations, type Task, type TaskTemplate } from '../../model/src/index.js';

/** The allocator has looked for an address, or the scheduler for a node, and says why there is none. */
export function isUnplaceable(task: Task): boolean {
  return compareStates(task.status.state, 'assigned') < 0 && task.status.error !== '';
}

/**
 * Could a task that no node takes run where `incumbent` does, once that is gone? Then the old one has to make room: both want the same
 * port, or the only room. When it could not, stopping the old one would cost the service a task and win nothing.
 */
export function couldTakePlace(view: ClusterView, task: Task, incumbent: Task): boolean {
  const node = view.get('node', incumbent.nodeId);
  const template = view.templateOf(task);
  if (!node || !template || (task.status.state === 'new' && !freesAddress(view, template, incumbent)) || node.status.state !== 'ready' || node.spec.availability !== 'active') return false;
  return satisfiesAll(node, template.placement?.constraints ?? []) && fits(view, node, template, incumbent);
}

/** `incumbent` is in a network that the template names: the address that it gives up may be the one that is lacking. */
function freesAddress(view: ClusterView, { networks }: TaskTemplate, incumbent: Task): boolean {
  const isNamed = (networkId: string) => networks.some(({ target }) => target === networkId || view.named('network', target)?.id === networkId);
  const isIngress = (networkId: string) => networks.length === 0 && view.get('network', networkId)?.spec.ingress === true;
  return incumbent.networks.some(({ networkId }) => isNamed(networkId) || isIngress(networkId));
}

function fits(view: ClusterView, node: Node, template: TaskTemplate, incumbent: Task): boolean {
  const wanted = template.resources?.reservations;
  const { nanoCpus = 0, memoryBytes = 0 } = node.status.description ?? {};
  if (!wanted?.nanoCpus && !wanted?.memoryBytes) return true;
  const others = view.tasksOnNode(node.id).filter((task) => task.id !== incumbent.id && isWanted(task) && !hasEnded(task));
  const reserved = others.map((task) => view.templateOf(task)?.resources?.reservations);
  const sum = (amount: (reservations: ResourceReservations) => number | undefined) => reserved.reduce((total, one) => total + ((one && amount(one)) ?? 0), 0);
  return sum((one) => one.nanoCpus) + (wanted.nanoCpus ?? 0) <= nanoCpus && sum((one) => one.memoryBytes) + (wanted.memoryBytes ?? 0) <= memoryBytes;
}
