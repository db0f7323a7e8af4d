/** A block of addresses: 10.0.0.0/8, or one address alone. */
export interface IpNetwork {
  /** Bits of an address: 32 (IPv4) or 128 (IPv6). */
  bits: number;
  address: bigint;
  prefixLength: number;
}

/** `10.0.0.0/8`, `fd00::/8`, `10.0.0.7`; undefined: it is none. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const isIpv6 = address.includes(':');
  const groups = isIpv6 ? ipv6Groups(address) : ipv4Bytes(address);
  if (!groups) return undefined;
  const bits = isIpv6 ? 128 : 32;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits) return undefined;
  const groupBits = BigInt(bits / groups.length);
  return { bits, prefixLength, address: groups.reduce((sum, group) => (sum << groupBits) | BigInt(group), 0n) };
}

/** Does the address lie in the network? Text that is no address lies nowhere. */
export function isInNetwork(address: string, network: IpNetwork): boolean {
  const parsed = parseIpNetwork(address);
  if (!parsed || parsed.bits !== network.bits || parsed.prefixLength !== parsed.bits) return false;
  const hostBits = BigInt(network.bits - network.prefixLength);
  return parsed.address >> hostBits === network.address >> hostBits;
}

/** 4 or 6; undefined: the text is no address. */
export function familyOf(address: string): 4 | 6 | undefined {
  const parsed = parseIpNetwork(address);
  return parsed && parsed.prefixLength === parsed.bits ? (parsed.bits === 32 ? 4 : 6) : undefined;
}

/** The block that the address lies in, with its host bits cleared. */
export function wholeNetwork({ address, bits, prefixLength }: IpNetwork): IpNetwork {
  const hostBits = BigInt(bits - prefixLength);
  return { address: (address >> hostBits) << hostBits, bits, prefixLength };
}

export function lastAddress({ address, bits, prefixLength }: IpNetwork): bigint {
  return address | ((1n << BigInt(bits - prefixLength)) - 1n);
}

export function overlap(a: IpNetwork, b: IpNetwork): boolean {
  return a.bits === b.bits && a.address <= lastAddress(b) && b.address <= lastAddress(a);
}

/** `10.0.0.7`; IPv6 as RFC 5952 writes it. */
export function formatIp(address: bigint, bits: number): string {
  const groupBits = bits === 32 ? 8n : 16n;
  const groups = Array.from({ length: bits / Number(groupBits) }, (_, index) => (address >> (BigInt(bits) - groupBits * BigInt(index + 1))) & ((1n << groupBits) - 1n));
  return bits === 32 ? groups.join('.') : shortened(groups.map((group) => group.toString(16)));
}

export function formatIpNetwork({ address, bits, prefixLength }: IpNetwork): string {
  return `${formatIp(address, bits)}/${prefixLength}`;
}

/** The longest run of at least two zero groups, the first of equals, becomes `::`. */
function shortened(groups: readonly string[]): string {
  let [from, length] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === '0') end++;
    if (end - start > Math.max(1, length)) [from, length] = [start, end - start];
  }
  if (length === 0) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255) ? parts.map(Number) : undefined;
}

/** Eight groups of 16 bits; `::` stands for as many zeros as are missing. */
function ipv6Groups(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const written = [...head!, ...(tail ?? [])];
  const missing = 8 - written.length;
  if (!written.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) || (tail ? missing < 1 : missing !== 0)) return undefined;
  return [...head!, ...Array<string>(missing).fill('0'), ...(tail ?? [])].map((group) => parseInt(group, 16));
}
