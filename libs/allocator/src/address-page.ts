import { formatIp, formatIpNetwork, lastAddress, parseIpNetwork, wholeNetwork, type Network, type Revision } from '../../model/src/index.js';

/** Addresses are counted from their subnet's first one. Of larger subnets (IPv6) only so many are given out; others can be asked for. */
const maxOffset = 2 ** 48;

/** A place in the ring of a page: a subnet by its number, and an address in it. */
export interface Position {
  subnet: number;
  offset: number;
}

/** How much of a subnet is taken. */
export interface SubnetUse {
  subnet: string;
  /** Addresses that services and tasks hold. */
  inUse: number;
  /** Addresses that the next ones can be given. */
  free: number;
}

interface Subnet {
  first: bigint;
  last: bigint;
  /** The part that addresses are given out of, both ends inclusive. */
  from: number;
  to: number;
  gateway: number | undefined;
  /** Gateways and auxiliary addresses. */
  excluded: ReadonlySet<number>;
}

/** The addresses of one family in one network: who holds them is counted, and they are given out in a ring. */
export class AddressPage {
  readonly #subnets: Subnet[];
  /** How many hold an address, by its text. */
  readonly #holders = new Map<string, number>();
  /** How many of those addresses are among the ones that are given out. */
  #heldOfThose = 0;
  /** Addresses that were given up and that some node may still know, with the revision after which that was. */
  readonly #resting = new Map<string, Revision>();
  /** How many want exactly this address, by its text: nobody else is given it. */
  readonly #wishes = new Map<string, number>();
  /** The address that was given out last: the next ones come after it, so that a freed one rests as long as possible. */
  #last: Position = { subnet: 0, offset: -1 };
  #lastBirth = '';

  constructor(
    network: Network,
    readonly bits: 32 | 128,
  ) {
    this.#subnets = subnetsOf(network, bits);
  }

  get size(): number {
    return this.#subnets.reduce((sum, { from, to, excluded }) => sum + Math.max(0, to - from + 1) - excluded.size, 0);
  }

  /** Of the addresses that are given out. */
  get inUse(): number {
    return this.#heldOfThose;
  }

  /** Of those, the ones that wait for somebody who wants exactly them. */
  get kept(): number {
    return [...this.#wishes.keys()].filter((address) => !this.isHeld(address) && this.#isGivenOut(address)).length;
  }

  /** By subnet, in the network's order. */
  use(): SubnetUse[] {
    return this.#subnets.map(({ first, last, from, to, excluded }, number) => {
      const held = [...this.#holders.keys()].filter((address) => this.#positionOf(address)?.subnet === number);
      const others = new Set([...this.#wishes.keys(), ...this.#resting.keys()].filter((address) => this.#positionOf(address)?.subnet === number && !this.isHeld(address)));
      const unusable = [...held, ...others].filter((address) => this.#isGivenOut(address)).length + excluded.size;
      const prefixLength = this.bits - (last - first).toString(2).length;
      return { subnet: formatIpNetwork({ address: first, bits: this.bits, prefixLength: first === last ? this.bits : prefixLength }), inUse: held.length, free: Math.max(0, to - from + 1 - unusable) };
    });
  }

  hold(address: string): void {
    if (grow(this.#holders, address) && this.#isGivenOut(address)) this.#heldOfThose++;
  }

  release(address: string): void {
    if (shrink(this.#holders, address) && this.#isGivenOut(address)) this.#heldOfThose--;
  }

  /** Nobody holds it any more; nobody is given it until all nodes know the store of a later revision. */
  rest(address: string, after: Revision): void {
    if (!this.isHeld(address)) this.#resting.set(address, after);
  }

  /** All nodes know the store of this revision. */
  agreed(revision: Revision): void {
    for (const [address, after] of this.#resting) if (after < revision) this.#resting.delete(address);
  }

  isResting(address: string): boolean {
    return this.#resting.has(address);
  }

  get resting(): number {
    return [...this.#resting.keys()].filter((address) => !this.isHeld(address) && this.#isGivenOut(address)).length;
  }

  /** Somebody wants exactly this address, held or not. */
  keep(address: string): void {
    grow(this.#wishes, address);
  }

  unkeep(address: string): void {
    shrink(this.#wishes, address);
  }

  /** Why nobody can have the address, whoever holds it; undefined: one can. */
  refusal(address: string): string | undefined {
    const position = this.#positionOf(address);
    if (!position) return 'lies in no subnet';
    const { first, last, gateway } = this.#subnets[position.subnet]!;
    if (position.offset === gateway) return 'is the gateway';
    if (position.offset === 0 || (this.bits === 32 && BigInt(position.offset) === last - first)) return 'is the first or last address of its subnet';
    return undefined;
  }

  isHeld(address: string): boolean {
    return this.#holders.has(address);
  }

  /** Somebody who was born at `birth` has this address: the ring goes on after the youngest. */
  noteBirth(address: string, birth: string): void {
    if (birth < this.#lastBirth) return;
    const position = this.#positionOf(address);
    if (!position || (birth === this.#lastBirth && !isAfter(position, this.#last))) return;
    this.#last = position;
    this.#lastBirth = birth;
  }

  get last(): Position {
    return this.#last;
  }

  goBackTo(position: Position): void {
    this.#last = position;
  }

  /** The next free address of the ring; undefined: there is none. */
  give(): string | undefined {
    if (this.#heldOfThose >= this.size) return undefined;
    for (let turn = 0; turn <= this.#subnets.length; turn++) {
      const subnet = (this.#last.subnet + turn) % this.#subnets.length;
      const offset = this.#nextFree(subnet, turn === 0 ? this.#last.offset + 1 : 0);
      if (offset === undefined) continue;
      this.#last = { subnet, offset };
      return this.#textOf(this.#last);
    }
    return undefined;
  }

  #nextFree(number: number, start: number): number | undefined {
    const { from, to, excluded } = this.#subnets[number]!;
    for (let offset = Math.max(from, start); offset <= to; offset++) {
      if (excluded.has(offset)) continue;
      const text = this.#textOf({ subnet: number, offset });
      if (!this.isHeld(text) && !this.#wishes.has(text) && !this.#resting.has(text)) return offset;
    }
    return undefined;
  }

  #textOf({ subnet, offset }: Position): string {
    return formatIp(this.#subnets[subnet]!.first + BigInt(offset), this.bits);
  }

  #isGivenOut(address: string): boolean {
    const position = this.#positionOf(address);
    if (!position) return false;
    const { from, to, excluded } = this.#subnets[position.subnet]!;
    return position.offset >= from && position.offset <= to && !excluded.has(position.offset);
  }

  #positionOf(address: string): Position | undefined {
    const parsed = parseIpNetwork(address);
    if (!parsed || parsed.bits !== this.bits) return undefined;
    const subnet = this.#subnets.findIndex(({ first, last }) => parsed.address >= first && parsed.address <= last);
    return subnet < 0 ? undefined : { subnet, offset: Number(parsed.address - this.#subnets[subnet]!.first) };
  }
}

/** True: it was not there before. */
function grow(counts: Map<string, number>, key: string): boolean {
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  return count === 0;
}

/** True: it is there no longer. */
function shrink(counts: Map<string, number>, key: string): boolean {
  const rest = (counts.get(key) ?? 0) - 1;
  if (rest > 0) counts.set(key, rest);
  return rest <= 0 && counts.delete(key);
}

function isAfter(a: Position, b: Position): boolean {
  return a.subnet > b.subnet || (a.subnet === b.subnet && a.offset > b.offset);
}

/** The subnets of a network with what may be given of them: inside `ipRange` where there is one, without the first and, of IPv4, the last address. */
function subnetsOf(network: Network, bits: 32 | 128): Subnet[] {
  const configs = network.spec.ipam?.configs ?? [];
  const auxiliary = configs.flatMap((config) => Object.values(config.auxAddresses ?? {}));
  return network.allocation!.subnets.flatMap(({ subnet, gateway }): Subnet[] => {
    const whole = parseIpNetwork(subnet);
    if (!whole || whole.bits !== bits) return [];
    const first = whole.address;
    const last = lastAddress(whole);
    const config = configs.find((candidate) => sameBlock(candidate.subnet, subnet));
    const part = config?.ipRange === undefined ? undefined : parseIpNetwork(config.ipRange);
    const range = part ? wholeNetwork(part) : whole;
    const offsetOf = (address: bigint) => Number(address - first);
    const from = Math.max(1, offsetOf(range.address));
    const to = Math.min(maxOffset, offsetOf(last) - (bits === 32 ? 1 : 0), offsetOf(lastAddress(range)));
    const excluded = [gateway, ...auxiliary].flatMap((text) => parseIpNetwork(text) ?? []).filter((address) => address.bits === bits).map(({ address }) => offsetOf(address));
    const gatewayAddress = parseIpNetwork(gateway);
    return [{ first, last, from, to, gateway: gatewayAddress && offsetOf(gatewayAddress.address), excluded: new Set(excluded.filter((offset) => offset >= from && offset <= to)) }];
  });
}

function sameBlock(a: string | undefined, b: string): boolean {
  const [left, right] = [a, b].map((text) => (text === undefined ? undefined : parseIpNetwork(text)));
  return left !== undefined && right !== undefined && left.bits === right.bits && wholeNetwork(left).address === right.address;
}
