import { compareStates, hasEnded, type ClusterView, type Node, type Task } from '../../../model/src/index.js';
import { must, type MakeCheck } from './check.js';

/** No address and no port is given twice, and no node more than it has. */
export const givenOnce: MakeCheck = (world) => ({
  name: 'given once',
  committed({ writes }) {
    if (!writes.some(({ kind }) => kind === 'task' || kind === 'service')) return;
    const { view } = world.authority;
    checkAddresses(view);
    checkPublishedPorts(view);
    const placedOn = new Set(writes.filter(({ kind, before, after }) => kind === 'task' && (before as Task | undefined)?.status.state === 'pending' && isOnNode(after as Task | undefined)).map(({ after }) => (after as Task).nodeId));
    for (const nodeId of placedOn) checkNode(view, view.get('node', nodeId));
  },
});

function isOnNode(task: Task | undefined): task is Task {
  return task !== undefined && !hasEnded(task) && compareStates(task.status.state, 'assigned') >= 0;
}

function checkAddresses(view: ClusterView): void {
  const holders = new Map<string, string>();
  const hold = (networkId: string, address: string, holder: string) => {
    const key = `${address} in network ${networkId}`;
    must(!holders.has(key), () => `${key} was given to ${holders.get(key)} and to ${holder}`);
    holders.set(key, holder);
  };
  for (const service of view.all('service')) for (const { networkId, address } of service.status.virtualIps) hold(networkId, address, `service ${service.spec.name}`);
  for (const task of view.all('task')) if (!hasEnded(task)) for (const { networkId, address } of task.networks) hold(networkId, address, `task ${task.id}`);
}

function checkPublishedPorts(view: ClusterView): void {
  const holders = new Map<string, string>();
  for (const service of view.all('service')) {
    for (const { publishMode, protocol = 'tcp', publishedPort } of service.status.ports) {
      if (publishMode === 'host' || !publishedPort) continue;
      const key = `${publishedPort}/${protocol}`;
      must(!holders.has(key), () => `port ${key} was given to services ${holders.get(key)} and ${service.spec.name}`);
      holders.set(key, service.spec.name);
    }
  }
}

function checkNode(view: ClusterView, node: Node | undefined): void {
  if (!node?.status.description) return;
  const tasks = view.tasksOnNode(node.id).filter(isOnNode);
  const nanoCpus = tasks.reduce((sum, task) => sum + (view.templateOf(task)?.resources?.reservations?.nanoCpus ?? 0), 0);
  must(nanoCpus <= node.status.description.nanoCpus, () => `${node.id} has ${node.status.description!.nanoCpus / 1e9} CPUs, and tasks that reserve ${nanoCpus / 1e9}`);
  const ports = tasks.flatMap((task) => task.hostPorts.map((port) => `${port.publishedPort}/${port.protocol ?? 'tcp'}`));
  must(new Set(ports).size === ports.length, () => `a port of ${node.id} was given twice: ${ports.sort().join(', ')}`);
}
