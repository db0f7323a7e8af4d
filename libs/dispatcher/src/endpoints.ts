import { sameJson } from '../../base/src/index.js';
import { aliasesOf, isEncrypted, isLost, isWanted, type AssignedEndpoint, type AssignedService, type ClusterView, type Service, type Task, type TaskNetwork } from '../../model/src/index.js';
import { hasEnded, isDefaultDeny, maxWeight, serviceTraffic, trafficOfPort, type ServiceGuard } from '../../model/src/index.js';
import { assignmentNews } from './assignment-news.js';

/** What every node that can reach the service must know of it. */
export function assignedService(view: ClusterView, service: Service): AssignedService {
  const { weightLabel, allow, ...balancing } = serviceTraffic(service.spec.labels);
  return {
    id: service.id,
    name: service.spec.name,
    mode: service.spec.endpoint?.mode ?? 'vip',
    virtualIps: service.status.virtualIps,
    ports: service.status.ports
      .filter((port) => port.publishMode !== 'host' && port.publishedPort)
      .map((port) => ({ protocol: port.protocol ?? 'tcp', targetPort: port.targetPort, publishedPort: port.publishedPort!, ...trafficOfPort(service.spec, port) })),
    endpoints: view.tasksOfService(service.id).flatMap((task) => endpointOf(view, task, weightLabel) ?? []).sort(byPlace),
    ...(Object.keys(balancing).length > 0 && { balancing }),
    ...guardOf(view, service, allow),
  };
}

/** Only what runs on a node that lives can serve. What was told to stop, or fails its health check, keeps its connections and gets no new ones. */
function endpointOf(view: ClusterView, task: Task, weightLabel: string | undefined): AssignedEndpoint | undefined {
  if (task.status.state !== 'running' || isLost(view, task)) return undefined;
  return { taskId: task.id, slot: task.slot, nodeId: task.nodeId, state: isWanted(task) && !task.status.unready ? 'ready' : 'draining', ...weightOf(view, task, weightLabel), addresses: task.networks.map((network) => addressOf(view, task, network)) };
}

/** A task keeps its addresses; the names are those that its template now says. */
function addressOf(view: ClusterView, task: Task, network: TaskNetwork): AssignedEndpoint['addresses'][number] {
  const aliases = aliasesOf(view, task, network.networkId);
  const named = sameJson(aliases, network.aliases) ? network : { ...network, aliases };
  return isEncrypted(view.get('network', network.networkId)) ? { ...named, encrypted: true } : named;
}

/** Tasks are guarded, and count as clients, as soon as they have an address: what a task needs to become ready it may need early. */
function guardOf(view: ClusterView, service: Service, allow: string[] | undefined): { guard?: ServiceGuard } {
  const isGuarded = (networkId: string) => allow !== undefined || isDefaultDeny(view.get('network', networkId)?.spec.labels ?? {});
  const addressesOf = (one: Service) => view.tasksOfService(one.id).filter((task) => !hasEnded(task)).flatMap((task) => task.networks);
  const own = addressesOf(service);
  const addresses = own.filter(({ networkId }) => isGuarded(networkId)).map(({ address }) => address);
  if (addresses.length === 0) return {};
  const clients = (allow ?? []).flatMap((name) => view.named('service', name) ?? []).flatMap(addressesOf);
  return { guard: { addresses: addresses.sort(), allow: [...new Set([...own, ...clients].map(({ address }) => address))].sort() } };
}

/** A label that is no number counts as none: a node's labels are free text. */
function weightOf(view: ClusterView, task: Task, label: string | undefined): { weight?: number } {
  const text = label === undefined ? undefined : view.get('node', task.nodeId)?.spec.labels[label];
  return text !== undefined && /^\d{1,3}$/.test(text) ? { weight: Math.min(Number(text), maxWeight) } : {};
}

function byPlace(a: AssignedEndpoint, b: AssignedEndpoint): number {
  return a.slot - b.slot || (a.taskId < b.taskId ? -1 : 1);
}

/** Networks in which the service is to be found. */
export function networksOfService(view: ClusterView, service: Service): Set<string> {
  const networks = new Set(service.status.virtualIps.map(({ networkId }) => networkId));
  for (const networkId of view.index(assignmentNews).networksOf(service.id)) networks.add(networkId);
  return networks;
}
