import { labelOf, placementOptionsOf, type ClusterView, type Nearby, type Service } from '../../model/src/index.js';
import type { NodeInfo } from './node-info.js';

/** Where tasks of a service are that others want to be near to, or not. */
export interface NearbyRule extends Nearby {
  /** False: not there. */
  wants: boolean;
  /** The tasks that are placed now count too. */
  isOwn: boolean;
  /** Nodes, or values of the label, with a task of the service. */
  places: Set<string>;
}

/** Nodes with tasks of a service, by its id. */
type TasksOn = (serviceId: string) => ReadonlyMap<NodeInfo, unknown>;

/** What the service says of others, and what others say of it: who does not want it near is not put near it either. */
export function nearbyRules(view: ClusterView, service: Service, repelling: ReadonlySet<string>, tasksOn: TasksOn): NearbyRule[] {
  const { affinity, antiAffinity } = placementOptionsOf(service.spec);
  if (affinity.length + antiAffinity.length + repelling.size === 0) return [];
  const rule = (nearby: Nearby, wants: boolean): NearbyRule => {
    const isOwn = nearby.service === 'self' || nearby.service === service.spec.name;
    const id = isOwn ? service.id : view.named('service', nearby.service)?.id;
    const places = new Set([...(id === undefined ? [] : tasksOn(id).keys())].map((info) => placeOf(info, nearby.label)));
    return { ...nearby, service: isOwn ? service.spec.name : nearby.service, wants, isOwn, places };
  };
  const said = [...affinity.map((nearby) => rule(nearby, true)), ...antiAffinity.map((nearby) => rule(nearby, false))];
  for (const id of repelling) {
    const other = id === service.id ? undefined : view.get('service', id);
    if (!other) continue;
    for (const { service: name, label } of placementOptionsOf(other.spec).antiAffinity) {
      if (name === service.spec.name) said.push(rule({ service: other.spec.name, ...(label !== undefined && { label }) }, false));
    }
  }
  return said;
}

export function isNearEnough({ wants, isOwn, places, label }: NearbyRule, info: NodeInfo): boolean {
  if (wants && isOwn && places.size === 0) return true; // the first one chooses for all
  return places.has(placeOf(info, label)) === wants;
}

/** `has no task of demo_db in its node.labels.zone`. */
export function nearbyReason({ wants, service, label, places }: NearbyRule): string {
  const where = label === undefined ? 'here' : `where ${label} is the same`;
  if (!wants) return `a task of ${service} is ${where}`;
  return places.size === 0 ? `no task of ${service} has a node yet` : `no task of ${service} is ${where}`;
}

export function notePlaced(rules: readonly NearbyRule[], info: NodeInfo): void {
  for (const { isOwn, places, label } of rules) if (isOwn) places.add(placeOf(info, label));
}

/** A node without the label is a place of its own. */
function placeOf({ node }: NodeInfo, label: string | undefined): string {
  const value = label === undefined ? '' : labelOf(node, label);
  return value === '' ? `node ${node.id}` : `= ${value.toLowerCase()}`;
}
