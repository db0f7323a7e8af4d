/** IPv4 addresses as unsigned numbers: what the allocator counts in. */

/** Both ends inclusive. */
export interface Range {
  first: number;
  last: number;
}

export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const bytes = match.slice(1).map(Number);
  return bytes.some((byte) => byte > 255) ? undefined : bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export interface Subnet extends Range {
  bits: number;
}

/** `10.0.1.7/24` is read as the subnet it lies in. Undefined: not IPv4 in CIDR notation. */
export function parseSubnet(text: string): Subnet | undefined {
  const [addressText, bitsText, rest] = text.split('/');
  const address = parseAddress(addressText!);
  if (address === undefined || rest !== undefined || bitsText === undefined || !/^\d{1,2}$/.test(bitsText)) return undefined;
  const bits = Number(bitsText);
  return bits > 32 ? undefined : subnetAt(address, bits);
}

export function subnetAt(address: number, bits: number): Subnet {
  const size = 2 ** (32 - bits);
  const first = address - (address % size);
  return { first, last: first + size - 1, bits };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.first)}/${subnet.bits}`;
}

export function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}
