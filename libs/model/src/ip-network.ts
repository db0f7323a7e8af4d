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
