import { Refused } from '../../base/src/index.js';

/** Addresses as the plan computes with them: IPv4 in dotted form, and what follows from a node's index or an address. */

/** The mesh's side and the host's side of the link between them; the same on every node, seen by no other. */
export const hostSideAddress = '169.254.77.1';
export const meshSideAddress = '169.254.77.2';

/** Where containers find their nameserver, as under Docker. */
export const nameserverAddress = '127.0.0.11';

/** Every gateway has this one: a container's link never needs to ask who its gateway is. */
export const gatewayMac = '02:6d:00:00:00:01';

const maxNodeIndex = 65534;

/** Address of a node on the VXLAN device: 100.64.0.0/16 plus its index. */
export function nodeMeshAddress(index: number): string {
  checkIndex(index);
  return `100.64.${index >> 8}.${index & 255}`;
}

export function nodeMac(index: number): string {
  checkIndex(index);
  return formatMac(Buffer.from([0x02, 0x6d, 1, 0, index >> 8, index & 255]));
}

/** Mark of connections that entered the cluster through this node: their replies go back to it. */
export function nodeMark(index: number): number {
  return ingressMark | index;
}

/** This bit tells marked from unmarked packets with one rule, however many nodes there are. */
export const ingressMark = 0x10000;

export function nodeTable(index: number): number {
  return 1000 + index;
}

/** A container's MAC follows from its address, as under Docker. */
export function containerMac(address: string): string {
  return formatMac(Buffer.concat([Buffer.from([0x02, 0x42]), addressBytes(address)]));
}

export function addressBytes(address: string): Buffer {
  const parts = address.split('.').map(Number);
  const isAddress = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  if (!isAddress) throw new Refused('invalid', `"${address}" is not an IPv4 address; the overlay carries IPv4`);
  return Buffer.from(parts);
}

export function formatAddress(bytes: Buffer): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

function addressNumber(address: string): number {
  return addressBytes(address).readUInt32BE(0);
}

export interface Prefix {
  address: string;
  length: number;
}

/** `10.0.0.0/24`; a bare address is a /32. */
export function parsePrefix(text: string): Prefix {
  const [address = '', length = '32'] = text.split('/');
  addressBytes(address);
  const bits = Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > 32) throw new Refused('invalid', `"${text}" is not an IPv4 subnet`);
  return { address, length: bits };
}

export function contains(prefix: Prefix, address: string): boolean {
  const divisor = 2 ** (32 - prefix.length);
  return Math.floor(addressNumber(prefix.address) / divisor) === Math.floor(addressNumber(address) / divisor);
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
