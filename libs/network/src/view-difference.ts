import type { AssignedService } from '../../model/src/index.js';
import type { NetworkNames, DnsNames } from './dns-names.js';
import { needsEncryption } from './encryption-state.js';
import type { NodeNetworkView } from './network.js';

/** Two views, cut down to what differs between them. */
export interface ViewDifference {
  before: NodeNetworkView;
  after: NodeNetworkView;
}

/**
 * Two views cut down to the services that differ between them, and to those that share an address, a port or a name with one
 * that does: a plan is the sum of what each service asks for, so the difference between the plans of the two is the difference
 * between the plans of the whole views. It costs what has changed, not what there is.
 *
 * Services are told apart by identity: an agent's assignments stay the same objects until they are replaced.
 */
export class ViewDifferences {
  /** The view whose services are in the index. */
  #indexed: NodeNetworkView | undefined;
  readonly #byKey = new Map<string, readonly AssignedService[]>();
  /** Keys of ports that several services want: whose they are depends on the order of the services. */
  readonly #contested = new Set<string>();

  /** `undefined`: more than services has changed. */
  between(before: NodeNetworkView, after: NodeNetworkView): ViewDifference | undefined {
    if (!isComparable(before, after)) return undefined;
    if (this.#indexed !== before) this.#index(before);
    const { gone, fresh } = exchanged(before.services, after.services);
    const parts = new Set([...gone, ...fresh]);
    const touched = new Set([...[...parts].flatMap(keysOf), ...exchanged(before.containers, after.containers).either.flatMap(({ serviceId }) => serviceId ?? []).map(idKey)]);
    for (const service of fresh) this.#add(service);
    for (const key of [...touched, ...this.#contested]) for (const service of this.#byKey.get(key) ?? []) parts.add(service);
    for (const service of gone) this.#remove(service);
    this.#indexed = after;
    const isPart = (service: AssignedService) => parts.has(service);
    return { before: { ...before, services: before.services.filter(isPart) }, after: { ...after, services: after.services.filter(isPart) } };
  }

  #index(view: NodeNetworkView): void {
    this.#byKey.clear();
    this.#contested.clear();
    for (const service of view.services) this.#add(service);
  }

  #add(service: AssignedService): void {
    for (const key of keysOf(service)) this.#set(key, [...(this.#byKey.get(key) ?? []), service]);
  }

  #remove(service: AssignedService): void {
    for (const key of keysOf(service)) this.#set(key, (this.#byKey.get(key) ?? []).filter((one) => one !== service));
  }

  #set(key: string, services: readonly AssignedService[]): void {
    if (services.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, services);
    if (services.length > 1 && key.startsWith(portPrefix)) this.#contested.add(key);
    else this.#contested.delete(key);
  }
}

function isComparable(before: NodeNetworkView, after: NodeNetworkView): boolean {
  return (
    before.self.nodeId === after.self.nodeId &&
    before.self.index === after.self.index &&
    sameItems(before.peers, after.peers) &&
    sameItems(before.networks, after.networks) &&
    sameItems(before.heldPorts ?? [], after.heldPorts ?? []) &&
    needsEncryption(before) === needsEncryption(after)
  );
}

/** Those that are in one list only. Most stand where they stood. */
function exchanged<T>(before: readonly T[], after: readonly T[]): { gone: T[]; fresh: T[]; either: T[] } {
  const [had, has] = [new Set<T>(), new Set<T>()];
  for (let at = 0; at < Math.max(before.length, after.length); at++) {
    if (before[at] === after[at]) continue;
    if (at < before.length) had.add(before[at]!);
    if (at < after.length) has.add(after[at]!);
  }
  const [gone, fresh] = [[...had].filter((item) => !has.has(item)), [...has].filter((item) => !had.has(item))];
  return { gone, fresh, either: [...gone, ...fresh] };
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
  return { ...names, networksOf: after.networksOf, nameserversOf: after.nameserversOf };
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
    const { id, name, virtualIps, endpoints, guard, ports } = service;
    const addresses = [...virtualIps, ...endpoints.flatMap((endpoint) => endpoint.addresses)];
    keys = [...new Set([
      idKey(id),
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

/** A container of it has come or gone. */
function idKey(id: string): string {
  return `service ${id}`;
}

/** Ports at one address get a name in the mesh that depends on all others of them. */
const boundKey = 'bound';

const portPrefix = 'port ';

function nameKey(name: string): string {
  return `name ${name.toLowerCase()}`;
}

function portKey({ protocol, publishedPort }: AssignedService['ports'][number]): string {
  return `${portPrefix}${protocol} ${publishedPort}`;
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}
