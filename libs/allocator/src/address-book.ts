import { hasEnded, type ClusterView, type Network } from '../../model/src/index.js';
import { formatAddress, parseAddress, parseSubnet, type Range } from './ipv4.js';

/**
 * The addresses of every network as one pass sees them.
 *
 * 1. An address belongs to a service (its virtual address) or to a task until that task has ended.
 * 2. Addresses are given out in a ring, after the one that the youngest task has: a freed address rests as long as possible.
 */
export class AddressBook {
  readonly #pages = new Map<string, Page>();

  constructor(readonly view: ClusterView) {
    for (const network of view.all('network')) {
      if (network.allocation) this.#pages.set(network.id, new Page(network));
    }
    for (const service of view.all('service')) {
      for (const { networkId, address } of service.status.virtualIps) this.#pages.get(networkId)?.take(address);
    }
    for (const task of view.all('task')) {
      for (const { networkId, address } of task.networks) {
        const page = this.#pages.get(networkId);
        page?.noteBirth(address, task.createdAt);
        if (!hasEnded(task)) page?.take(address);
      }
    }
  }

  /** A free address, now taken; or undefined when there is none. */
  give(networkId: string): string | undefined {
    return this.#pages.get(networkId)?.give();
  }

  giveBack(networkId: string, address: string): void {
    this.#pages.get(networkId)?.free(address);
  }

  /** Why `give` had nothing, with numbers. */
  explain(network: Network): string {
    const page = this.#pages.get(network.id);
    if (!page) return `network ${network.spec.name} has no subnet yet`;
    return `network ${network.spec.name} has no free address: ${page.inUse} of ${page.size} in use (${network.allocation!.subnets.map(({ subnet }) => subnet).join(', ')})`;
  }
}

class Page {
  readonly #ranges: Range[];
  readonly #used = new Set<number>();
  readonly #excluded: Set<number>;
  /** Last address that was given out, and when. */
  #last = -1;
  #lastBirth = '';

  constructor(network: Network) {
    this.#ranges = rangesOf(network);
    this.#excluded = new Set(excludedOf(network).filter((address) => this.#ranges.some(({ first, last }) => address >= first && address <= last)));
  }

  get size(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + Math.max(0, last - first + 1), 0) - this.#excluded.size;
  }

  get inUse(): number {
    return this.#used.size;
  }

  take(address: string): void {
    const value = parseAddress(address);
    if (value !== undefined) this.#used.add(value);
  }

  free(address: string): void {
    const value = parseAddress(address);
    if (value !== undefined) this.#used.delete(value);
  }

  noteBirth(address: string, birth: string): void {
    const value = parseAddress(address);
    if (value === undefined || birth < this.#lastBirth || (birth === this.#lastBirth && value < this.#last)) return;
    this.#last = value;
    this.#lastBirth = birth;
  }

  give(): string | undefined {
    if (this.#used.size >= this.size) return undefined;
    const value = this.#findFree((candidate) => candidate > this.#last) ?? this.#findFree(() => true);
    if (value === undefined) return undefined;
    this.#used.add(value);
    this.#last = value;
    return formatAddress(value);
  }

  #findFree(accepts: (candidate: number) => boolean): number | undefined {
    for (const { first, last } of this.#ranges) {
      const start = accepts(first) ? first : Math.max(first, this.#last + 1);
      for (let candidate = start; candidate <= last; candidate++) {
        if (accepts(candidate) && !this.#used.has(candidate) && !this.#excluded.has(candidate)) return candidate;
      }
    }
    return undefined;
  }
}

/** The parts of the subnets that addresses may come from: inside `ipRange` where there is one, without the first and the last address. */
function rangesOf(network: Network): Range[] {
  return network.allocation!.subnets.map(({ subnet }) => {
    const whole = parseSubnet(subnet)!;
    const usable = { first: whole.first + 1, last: whole.last - 1 };
    const config = network.spec.ipam?.configs.find((candidate) => candidate.subnet !== undefined && parseSubnet(candidate.subnet)?.first === whole.first);
    const part = config?.ipRange === undefined ? undefined : parseSubnet(config.ipRange);
    return part ? { first: Math.max(usable.first, part.first), last: Math.min(usable.last, part.last) } : usable;
  });
}

function excludedOf(network: Network): number[] {
  const auxiliary = (network.spec.ipam?.configs ?? []).flatMap((config) => Object.values(config.auxAddresses ?? {}));
  const gateways = network.allocation!.subnets.map(({ gateway }) => gateway);
  return [...gateways, ...auxiliary].flatMap((text) => parseAddress(text) ?? []);
}
