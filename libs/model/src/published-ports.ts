import type { Problem } from './admission.js';
import type { ClusterView } from './cluster-view.js';
import type { Service } from './objects.js';
import type { Labels, PortConfig, ServiceSpec } from './service.js';
import { portTraffic, sharesAddress } from './traffic.js';

/** What is wrong with a service beside the others. `ownId`: the service that it replaces. */
export function checkServiceAgainst(view: ClusterView, spec: ServiceSpec, ownId?: string): Problem[] {
  const holder = view.named('service', spec.name);
  const taken: Problem[] =
    holder && holder.id !== ownId ? [{ code: 'already-exists', message: `name conflicts with an existing object: service ${spec.name} already exists` }] : [];
  const others = [...view.all('service')].filter((service) => service.id !== ownId);
  return [...taken, ...checkPortsAgainst(spec, others.map(portOwner))];
}

/** Who has which published ports. */
export interface PortOwner {
  id: string;
  name: string;
  ports: readonly PortConfig[];
  /** Of the service: they say at which addresses. */
  labels?: Labels;
}

/** The ports it asks for, and where it leaves the choice, those that were chosen. */
export function portOwner(service: Service): PortOwner {
  const ports = (service.spec.endpoint?.ports ?? []).flatMap((wanted) => {
    if (wanted.publishedPort) return [wanted];
    return service.status.ports.filter((chosen) => chosen.targetPort === wanted.targetPort && (chosen.protocol ?? 'tcp') === (wanted.protocol ?? 'tcp'));
  });
  return { id: service.id, name: service.spec.name, ports, labels: service.spec.labels };
}

export function checkPortsAgainst(spec: ServiceSpec, others: Iterable<PortOwner>): Problem[] {
  const wanted = (spec.endpoint?.ports ?? []).filter((port) => port.publishedPort);
  if (wanted.length === 0) return [];
  return [...others].flatMap((other) => wanted.flatMap((port) => other.ports.filter((taken) => portsClash(port, taken) && sharesAddress(portTraffic(spec.labels, port), portTraffic(other.labels ?? {}, taken))).map((taken) => portInUse(port, other, taken))));
}

/**
 * Two published ports that cannot both be had. Two `host` ports can: the scheduler keeps their tasks on different nodes.
 */
function portsClash(a: PortConfig, b: PortConfig): boolean {
  if (!a.publishedPort || a.publishedPort !== b.publishedPort) return false;
  if ((a.protocol ?? 'tcp') !== (b.protocol ?? 'tcp')) return false;
  return isIngress(a) || isIngress(b);
}

function portInUse(port: PortConfig, owner: PortOwner, taken: PortConfig): Problem {
  const how = isIngress(taken) ? 'an ingress port' : 'a host-published port';
  return { code: 'invalid', message: `port '${port.publishedPort}' is already in use by service '${owner.name}' (${owner.id}) as ${how}` };
}

export function isIngress(port: PortConfig): boolean {
  return (port.publishMode ?? 'ingress') === 'ingress';
}
