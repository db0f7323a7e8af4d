import { Refused } from '../../base/src/index.js';
import { formatIp, parseIpNetwork } from '../../model/src/index.js';

/** Addresses as the plan computes with them: as text, and what follows from a node's index or an address. */

export type Family = 4 | 6;

export const families: readonly Family[] = [4, 6];

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** The mesh's side and the host's side of the link between them; the same on every node, seen by no other. */
export const hostSideAddress: Record<Family, string> = { 4: '169.254.77.1', 6: 'fd77:77::1' };
export const meshSideAddress: Record<Family, string> = { 4: '169.254.77.2', 6: 'fd77:77::2' };

/** Where containers find their nameserver, as under Docker. */
export const nameserverAddress = '127.0.0.11';

/** Every gateway has this one: a container's link never needs to ask who its gateway is. */
export const gatewayMac = '02:6d:00:00:00:01';

const maxNodeIndex = 65534;

/** The two VXLAN devices of a mesh: the plain one, and the one of encrypted networks, whose packets travel inside WireGuard. */
export type Tunnel = 'vx0' | 'vxe0';

export const tunnels: readonly Tunnel[] = ['vx0', 'vxe0'];

/** Address of a node on a VXLAN device: its index in 100.64.0.0/16 or fd77:6d::/112, and in 100.65.0.0/16 or fd77:6e::/112. */
export function nodeMeshAddress(index: number, family: Family, tunnel: Tunnel = 'vx0'): string {
  checkIndex(index);
  const isPlain = tunnel === 'vx0';
  return family === 4 ? `100.${isPlain ? 64 : 65}.${index >> 8}.${index & 255}` : `fd77:${isPlain ? '6d' : '6e'}::${index.toString(16)}`;
}

export function nodeMac(index: number, tunnel: Tunnel = 'vx0'): string {
  checkIndex(index);
  return formatMac(Buffer.from([0x02, 0x6d, tunnel === 'vx0' ? 1 : 2, 0, index >> 8, index & 255]));
}

/** Address of a node on its WireGuard device of this slot (0 or 1), known to the meshes only. */
export function wireAddress(index: number, slot: number): string {
  checkIndex(index);
  return `100.${66 + slot}.${index >> 8}.${index & 255}`;
}

/** All wire addresses. */
export const wireSubnet = '100.66.0.0/15';

/** Mark of connections that entered the cluster through this node: their replies go back to it, by the tunnel that they came through. */
export function nodeMark(index: number, tunnel: Tunnel = 'vx0'): number {
  return ingressMark | (tunnel === 'vx0' ? 0 : encryptedMark) | index;
}

const encryptedMark = 0x20000;

/** This bit tells marked from unmarked packets with one rule, however many nodes there are. */
export const ingressMark = 0x10000;

export function nodeTable(index: number, tunnel: Tunnel = 'vx0'): number {
  return (tunnel === 'vx0' ? 1000 : 101_000) + index;
}

/** A container's MAC follows from its IPv4 address, as under Docker. */
export function containerMac(address: string): string {
  return formatMac(Buffer.concat([Buffer.from([0x02, 0x42]), addressBytes(address)]));
}

/** In network order: 4 bytes or 16. A node may have ten thousand endpoints, most of them IPv4. */
export function addressBytes(address: string): Buffer {
  if (plainIpv4.test(address)) return Buffer.from(address.split('.').map(Number));
  const parsed = parseIpNetwork(address);
  if (!parsed || parsed.prefixLength !== parsed.bits) throw new Refused('invalid', `"${address}" is not an IP address`);
  return Buffer.from(parsed.address.toString(16).padStart(parsed.bits / 4, '0'), 'hex');
}

const plainIpv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

export function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return formatIp(BigInt(`0x${bytes.toString('hex')}`), bytes.length * 8);
}

export interface Prefix {
  address: string;
  length: number;
}

/** `10.0.0.0/24`; a bare address is one alone. */
export function parsePrefix(text: string): Prefix {
  const parsed = parseIpNetwork(text);
  if (!parsed) throw new Refused('invalid', `"${text}" is not a subnet`);
  return { address: formatIp(parsed.address, parsed.bits), length: parsed.prefixLength };
}

export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** The address alone, as a prefix: `10.0.0.7/32`. */
export function alone(address: string): string {
  return `${address}/${addressBits(familyOf(address))}`;
}

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

export function formatMac(bytes: Buffer): string {
  return bytes.toString('hex').replace(/..(?=.)/g, '$&:');
}

function checkIndex(index: number): void {
  if (!Number.isInteger(index) || index < 1 || index > maxNodeIndex) {
    throw new Refused('invalid', `node index ${index} is not between 1 and ${maxNodeIndex}`);
  }
}
