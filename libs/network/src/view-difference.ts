import type { AssignedService } from '../../model/src/index.js';
import type { NetworkNames, DnsNames } from './dns-names.js';
import type { NodeNetworkView } from './network.js';

/**
 * Two views cut down to the services that differ between them, and to those that share an address, a port or a name with one
 * that does: a plan is the sum of what each service asks for, so the difference between the plans of the two is the difference
 * between the plans of the whole views. It costs what has changed, not what there is.
 *
 * Services are told apart by identity: an agent's assignments stay the same objects until they are replaced. `undefined`: more
 * than services has changed.
 */
export function viewDifference(before: NodeNetworkView, after: NodeNetworkView): { before: NodeNetworkView; after: NodeNetworkView } | undefined {
  const isComparable = before.self.nodeId === after.self.nodeId && before.self.index === after.self.index && sameItems(before.peers, after.peers) && sameItems(before.networks, after.networks) && sameItems(before.heldPorts ?? [], after.heldPorts ?? []);
  if (!isComparable) return undefined;
  const [had, has] = [new Set(before.services), new Set(after.services)];
  const touched = new Set<string>();
  for (const service of before.services) if (!has.has(service)) addAll(touched, keysOf(service));
  for (const service of after.services) if (!had.has(service)) addAll(touched, keysOf(service));
  for (const key of contestedPorts(after.services)) touched.add(key);
  const isPart = (service: AssignedService) => !had.has(service) || !has.has(service) || isTouched(service, touched);
  return { before: { ...before, services: before.services.filter(isPart) }, after: { ...after, services: after.services.filter(isPart) } };
}

/**
 * Brings names up to date, in place, by the names of two such views. Only what differs between them is complete: a name that is the same
 * in both may have addresses of services that are in neither.
 */
export function changeNames(names: DnsNames, before: DnsNames, after: DnsNames): DnsNames {
  for (const [id, { addresses, pointers }] of after.networks) {
    const old = before.networks.get(id)!;
    const known = names.networks.get(id) as { addresses: Map<string, readonly string[]>; pointers: Map<string, string> } & NetworkNames;
    replaceAll(known.addresses, old.addresses, addresses);
    replaceAll(known.pointers, old.pointers, pointers);
  }
  return { ...names, networksOf: after.networksOf };
}

function replaceAll<T>(target: Map<string, T>, old: ReadonlyMap<string, T>, next: ReadonlyMap<string, T>): void {
  for (const key of old.keys()) if (!next.has(key)) target.delete(key);
  for (const [key, value] of next) if (!old.has(key) || String(old.get(key)) !== String(value)) target.set(key, value);
}

const knownKeys = new WeakMap<AssignedService, readonly string[]>();

/** All by which what one service asks for can meet what another one does. */
function keysOf(service: AssignedService): readonly string[] {
  let keys = knownKeys.get(service);
  if (!keys) {
    const { name, virtualIps, endpoints, guard, ports } = service;
    const addresses = [...virtualIps, ...endpoints.flatMap((endpoint) => endpoint.addresses)];
    keys = [...new Set([
      nameKey(name),
      ...addresses.map(({ address }) => address),
      ...(guard?.addresses ?? []),
      ...endpoints.flatMap((endpoint) => endpoint.addresses.flatMap(({ aliases }) => aliases.map(nameKey))),
      ...ports.map(portKey),
      ...(ports.some(({ hostIps }) => hostIps) ? [boundKey] : []),
    ])];
    knownKeys.set(service, keys);
  }
  return keys;
}

/** Ports at one address get a name in the mesh that depends on all others of them. */
const boundKey = 'bound';

function nameKey(name: string): string {
  return `name ${name.toLowerCase()}`;
}

function portKey({ protocol, publishedPort }: AssignedService['ports'][number]): string {
  return `${protocol} ${publishedPort}`;
}

/** Whose they are depends on the order of the services. */
function contestedPorts(services: readonly AssignedService[]): string[] {
  const seen = new Set<string>();
  return services.flatMap(({ ports }) => ports.map(portKey)).filter((key) => seen.size === seen.add(key).size);
}

function isTouched(service: AssignedService, touched: ReadonlySet<string>): boolean {
  return touched.size > 0 && keysOf(service).some((key) => touched.has(key));
}

function addAll(target: Set<string>, keys: readonly string[]): void {
  for (const key of keys) target.add(key);
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}
