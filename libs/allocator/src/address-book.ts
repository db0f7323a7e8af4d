import { hasEnded, isWanted, parseIpNetwork, type Cluster, type ClusterView, type Kind, type Kinds, type Network, type Revision, type Service, type Task, type ViewIndex } from '../../model/src/index.js';
import { whyNoSubnet } from './allocate-networks.js';
import { AddressPage, type Position, type SubnetUse } from './address-page.js';

interface Pages {
  4?: AddressPage;
  6?: AddressPage;
}

export type Family = 4 | 6;

/**
 * Who holds which address, and which tasks wait for theirs: kept up to date change by change.
 *
 * An address belongs to a service (its virtual address) or to a task until that task has ended. It rests after that: addresses
 * are given out in a ring. An address that a service asks for is kept for its tasks.
 * Once nodes are connected, what was given up is not given again before the networks of all of them have forgotten it.
 */
export class AddressBook implements ViewIndex {
  /** Tasks that wait for the allocator, by id. */
  readonly waiting = new Map<string, Task>();
  readonly #pages = new Map<string, Pages>();
  /** Addresses that services ask for, by the network's id or name; twice what two ask for. */
  readonly #wishes = new Map<string, string[]>();

  #restsNothing = false;

  constructor(private readonly view: ClusterView) {
    for (const network of view.all('network')) this.#networkChanged(network);
    for (const service of view.all('service')) this.#serviceChanged(undefined, service);
    for (const task of view.all('task')) this.#taskChanged(undefined, task);
  }

  /** What a draft held no node has heard of: it need not rest. */
  takenBack<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    this.#restsNothing = true;
    this.changed(kind, before, after);
    this.#restsNothing = false;
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (kind === 'task') this.#taskChanged(before as Task | undefined, after as Task | undefined);
    else if (kind === 'service') this.#serviceChanged(before as Service | undefined, after as Service | undefined);
    else if (kind === 'cluster') this.#agreed((after as Cluster | undefined)?.status?.agreedRevision ?? 0);
    else if (kind === 'network' && after) this.#networkChanged(after as Network);
    else if (kind === 'network') this.#pages.delete(before!.id);
  }

  #agreed(revision: Revision): void {
    for (const { 4: ipv4, 6: ipv6 } of this.#pages.values()) for (const page of [ipv4, ipv6]) page?.agreed(revision);
  }

  /** It rests where there are nodes that may know who had it. */
  #giveUp(networkId: string, address: string): void {
    const page = this.#pageOf(networkId, address);
    page?.release(address);
    if (this.view.cluster?.status && !this.#restsNothing) page?.rest(address, this.view.revision);
  }

  page(networkId: string, family: Family): AddressPage | undefined {
    return this.#pages.get(networkId)?.[family];
  }

  /** An allocation is made once, before anybody has an address of it. */
  #networkChanged(network: Network): void {
    if (!network.allocation || this.#pages.has(network.id)) return;
    const wishes = [network.id, network.spec.name].flatMap((target) => this.#wishes.get(target) ?? []);
    const bits = new Set(network.allocation.subnets.map(({ subnet }) => parseIpNetwork(subnet)?.bits));
    this.#pages.set(network.id, {
      ...(bits.has(32) && { 4: new AddressPage(network, 32) }),
      ...(bits.has(128) && { 6: new AddressPage(network, 128) }),
    });
    for (const address of wishes) this.#pageOf(network.id, address)?.keep(address);
  }

  #serviceChanged(before: Service | undefined, after: Service | undefined): void {
    if (before?.spec.template !== after?.spec.template) this.#wishesChanged(before, after);
    if (before?.status.virtualIps === after?.status.virtualIps) return;
    for (const { networkId, address } of after?.status.virtualIps ?? []) this.#pageOf(networkId, address)?.hold(address);
    for (const { networkId, address } of before?.status.virtualIps ?? []) this.#giveUp(networkId, address);
  }

  #wishesChanged(before: Service | undefined, after: Service | undefined): void {
    for (const { target, address } of wishesOf(before)) {
      const wishes = this.#wishes.get(target) ?? [];
      wishes.splice(wishes.indexOf(address), 1);
      this.#pageOf(this.#networkId(target), address)?.unkeep(address);
    }
    for (const { target, address } of wishesOf(after)) {
      this.#wishes.set(target, [...(this.#wishes.get(target) ?? []), address]);
      this.#pageOf(this.#networkId(target), address)?.keep(address);
    }
  }

  #networkId(target: string): string {
    return (this.view.get('network', target) ?? this.view.named('network', target))?.id ?? '';
  }

  #taskChanged(before: Task | undefined, after: Task | undefined): void {
    if (before) this.waiting.delete(before.id);
    if (after?.status.state === 'new' && isWanted(after)) this.waiting.set(after.id, after);
    const [held, holds] = [before, after].map((task) => (task && !hasEnded(task) ? task.networks : []));
    for (const { networkId, address } of holds!) this.#pageOf(networkId, address)?.hold(address);
    for (const { networkId, address } of held!) this.#giveUp(networkId, address);
    if (!after || before?.networks === after.networks) return;
    for (const { networkId, address } of after.networks) this.#pageOf(networkId, address)?.noteBirth(address, after.createdAt);
  }

  #pageOf(networkId: string, address: string): AddressPage | undefined {
    return this.page(networkId, familyOfText(address));
  }
}

function wishesOf(service: Service | undefined): { target: string; address: string }[] {
  return (service?.spec.template.networks ?? []).flatMap(({ target, addresses = [] }) => addresses.map((address) => ({ target, address })));
}

/** Of a text that is known to be an address. */
export function familyOfText(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** For `ClusterView.index`. */
export function addressBook(view: ClusterView): AddressBook {
  return new AddressBook(view);
}

/** How much of each subnet of a network is taken; empty: it has none yet. */
export function addressUse(view: ClusterView, networkId: string): SubnetUse[] {
  const book = view.index(addressBook);
  return ([4, 6] as const).flatMap((family) => book.page(networkId, family)?.use() ?? []);
}

/** What one decision gives out. It is taken back with `end`: the commit, if it comes, takes it for good. */
export class AddressLoan {
  readonly #given: { page: AddressPage; address: string; to?: string }[] = [];
  readonly #before = new Map<AddressPage, Position>();
  readonly #reasons = new Map<string, string>();

  readonly book: AddressBook;

  constructor(private readonly view: ClusterView) {
    this.book = view.index(addressBook);
  }

  /** A free address, now held; or undefined when there is none. */
  give(networkId: string, family: Family): string | undefined {
    const page = this.book.page(networkId, family);
    if (!page) return undefined;
    if (!this.#before.has(page)) this.#before.set(page, page.last);
    const address = page.give();
    if (address !== undefined) this.#hold(page, address);
    return address;
  }

  /** Why that very address can be had by nobody; undefined: it can. */
  refusal(network: Network, address: string): string | undefined {
    const why = this.#pageOf(network.id, address)?.refusal(address);
    const subnets = network.allocation?.subnets.map(({ subnet }) => subnet).join(', ');
    return why && `${address} ${why} of network ${network.spec.name} (${subnets})`;
  }

  /** That very address, to whoever is called `to`; false: somebody holds it. */
  claim(networkId: string, address: string, to: string): boolean {
    const page = this.#pageOf(networkId, address);
    if (!page || page.isHeld(address) || page.isResting(address)) return false;
    this.#hold(page, address, to);
    return true;
  }

  isResting(networkId: string, address: string): boolean {
    const page = this.#pageOf(networkId, address);
    return page !== undefined && !page.isHeld(address) && page.isResting(address);
  }

  /** Who claimed the address in this loan. */
  claimantOf(networkId: string, address: string): string | undefined {
    const page = this.#pageOf(networkId, address);
    return this.#given.find((given) => given.page === page && given.address === address)?.to;
  }

  /** How much it has given: see `takeBack`. */
  get mark(): number {
    return this.#given.length;
  }

  /** Takes back what was given since `mark`. */
  takeBack(mark: number): void {
    for (const { page, address } of this.#given.splice(mark)) page.release(address);
  }

  end(): void {
    this.takeBack(0);
    for (const [page, position] of this.#before) page.goBackTo(position);
  }

  /** Why `give` had nothing, with numbers. */
  explain(network: Network, family: Family): string {
    const page = this.book.page(network.id, family);
    if (!network.allocation) return this.#whyNoSubnet(network);
    if (!page) return `network ${network.spec.name} has no IPv${family} subnet`;
    const subnets = network.allocation.subnets.filter(({ subnet }) => subnet.includes(':') === (family === 6));
    return `network ${network.spec.name} has no free address: ${page.inUse} of ${page.size} in use${page.kept > 0 ? `, ${page.kept} kept for services that ask for them` : ''}${page.resting > 0 ? `, ${page.resting} until all nodes have forgotten who had them` : ''} (${subnets.map(({ subnet }) => subnet).join(', ')})`;
  }

  /** Many tasks may ask. */
  #whyNoSubnet(network: Network): string {
    const known = this.#reasons.get(network.id) ?? whyNoSubnet(this.view, network) ?? `network ${network.spec.name} has no subnet yet`;
    this.#reasons.set(network.id, known);
    return known;
  }

  #pageOf(networkId: string, address: string): AddressPage | undefined {
    return this.book.page(networkId, familyOfText(address));
  }

  #hold(page: AddressPage, address: string, to?: string): void {
    page.hold(address);
    this.#given.push({ page, address, ...(to !== undefined && { to }) });
  }
}
