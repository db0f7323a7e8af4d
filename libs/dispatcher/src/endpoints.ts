import { isLost, isWanted, type AssignedEndpoint, type AssignedService, type ClusterView, type Service, type Task } from '../../model/src/index.js';

/** What every node that can reach the service must know of it. */
export function assignedService(view: ClusterView, service: Service): AssignedService {
  return {
    id: service.id,
    name: service.spec.name,
    mode: service.spec.endpoint?.mode ?? 'vip',
    virtualIps: service.status.virtualIps,
    ports: service.status.ports
      .filter((port) => port.publishMode !== 'host' && port.publishedPort)
      .map((port) => ({ protocol: port.protocol ?? 'tcp', targetPort: port.targetPort, publishedPort: port.publishedPort! })),
    endpoints: view.tasksOfService(service.id).flatMap((task) => endpointOf(view, task) ?? []).sort(byPlace),
  };
}

/** Only what runs on a node that lives can serve. What was told to stop keeps its connections and gets no new ones. */
function endpointOf(view: ClusterView, task: Task): AssignedEndpoint | undefined {
  if (task.status.state !== 'running' || isLost(view, task)) return undefined;
  return { taskId: task.id, slot: task.slot, nodeId: task.nodeId, state: isWanted(task) ? 'ready' : 'draining', addresses: task.networks };
}

function byPlace(a: AssignedEndpoint, b: AssignedEndpoint): number {
  return a.slot - b.slot || (a.taskId < b.taskId ? -1 : 1);
}

/** Networks in which the service is to be found. */
export function networksOfService(view: ClusterView, service: Service): Set<string> {
  const networks = new Set(service.status.virtualIps.map(({ networkId }) => networkId));
  for (const task of view.tasksOfService(service.id)) for (const { networkId } of task.networks) networks.add(networkId);
  return networks;
}
