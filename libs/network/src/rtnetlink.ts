import { Bug } from '../../base/src/index.js';
import { addressBytes, formatAddress, formatMac, macBytes } from './addresses.js';
import type { Family, Prefix } from './addresses.js';
import { attribute, netlinkFlag, readAttributes } from './netlink.js';
import type { Netlink, NetlinkMessage } from './netlink.js';
import { addressFamily, errnos } from './syscalls.js';

/** Messages of rtnetlink(7) that the mesh needs, and nothing more. Names and numbers are the kernel's (linux/rtnetlink.h). */

export const routeMessage = {
  newLink: 16, deleteLink: 17, getLink: 18,
  newAddress: 20, deleteAddress: 21, getAddress: 22,
  newRoute: 24, deleteRoute: 25, getRoute: 26,
  newNeighbour: 28, deleteNeighbour: 29, getNeighbour: 30,
  newRule: 32, deleteRule: 33, getRule: 34,
} as const;

export const localTable = 255;

const linkAttribute = { address: 1, name: 3, mtu: 4, linkInfo: 18, netnsFd: 28 } as const;
const linkInfo = { kind: 1, data: 2 } as const;
const vethPeer = 1;
const vxlanAttribute = { id: 1, local: 4, learning: 7, port: 15, local6: 17 } as const;
const linkUp = 1;

export interface Link {
  index: number;
  name: string;
  mtu: number;
  mac: string;
  /** Administratively: carrying packets, if its other end does too. */
  isUp: boolean;
  /** Of a VXLAN device. */
  underlay?: { address: string; port: number };
}

export function listLinks(netlink: Netlink): Link[] {
  return netlink.dump(routeMessage.getLink, linkHeader(0)).map(readLink);
}

export function findLink(netlink: Netlink, name: string): Link | undefined {
  const body = getLink(netlink, name);
  return body && readLink(body);
}

/** `undefined`: there is no such link. Where nothing else is asked for: a link has many attributes. */
export function findLinkIndex(netlink: Netlink, name: string): number | undefined {
  return getLink(netlink, name)?.readInt32LE(4);
}

function getLink(netlink: Netlink, name: string): Buffer | undefined {
  return netlink.get(routeMessage.getLink, Buffer.concat([linkHeader(0), attribute(linkAttribute.name, Buffer.from(`${name}\0`))]));
}

/** A link that must be there. */
export function linkNamed(netlink: Netlink, name: string): Link {
  const link = findLink(netlink, name);
  if (!link) throw new Bug(`there is no link ${name}`);
  return link;
}

function readLink(body: Buffer): Link {
  const attributes = readAttributes(body.subarray(16));
  return {
    index: body.readInt32LE(4),
    name: attributes.get(linkAttribute.name)?.toString('utf8').replace(/\0.*$/, '') ?? '',
    mtu: attributes.get(linkAttribute.mtu)?.readUInt32LE(0) ?? 0,
    mac: formatMac(attributes.get(linkAttribute.address) ?? Buffer.alloc(0)),
    isUp: (body.readUInt32LE(8) & linkUp) !== 0,
    underlay: underlayOf(attributes.get(linkAttribute.linkInfo)),
  };
}

function underlayOf(info: Buffer | undefined): Link['underlay'] {
  const data = info && readAttributes(info).get(linkInfo.data);
  const attributes = data && readAttributes(data);
  const address = attributes?.get(vxlanAttribute.local) ?? attributes?.get(vxlanAttribute.local6);
  const port = attributes?.get(vxlanAttribute.port);
  if (!isVxlan(info) || !address || !port) return undefined;
  return { address: formatAddress(address), port: port.readUInt16BE(0) };
}

function isVxlan(info: Buffer | undefined): boolean {
  return info !== undefined && readAttributes(info).get(linkInfo.kind)?.toString('utf8').replace(/\0$/, '') === 'vxlan';
}

export interface LinkEnd {
  name: string;
  mtu: number;
  mac?: string;
  /** Namespace to put it into; absent: the socket's. */
  namespaceFd?: number;
}

/** `isUp`: the near end. (The kernel refuses to have the far one up before both are joined.) */
export function addVeth(near: LinkEnd, far: LinkEnd, isUp = false): NetlinkMessage {
  const peer = attribute(vethPeer, Buffer.concat([linkHeader(0), linkEnd(far)]));
  return addLink(near, 'veth', peer, isUp);
}

/**
 * A VXLAN device in the namespace of `end`, whose underlay socket stays in the namespace of the netlink socket.
 * It neither learns nor floods: its forwarding entries are all ours. Without `localAddress` the route to the other side says which to use.
 */
export function addVxlan(end: LinkEnd, options: { id: number; localAddress?: string; port: number }): NetlinkMessage {
  const port = Buffer.alloc(2);
  port.writeUInt16BE(options.port);
  const local = options.localAddress === undefined ? undefined : addressBytes(options.localAddress);
  const data = Buffer.concat([
    attribute(vxlanAttribute.id, u32(options.id)),
    ...(local ? [attribute(local.length === 4 ? vxlanAttribute.local : vxlanAttribute.local6, local)] : []),
    attribute(vxlanAttribute.learning, Buffer.from([0])),
    attribute(vxlanAttribute.port, port),
  ]);
  return addLink(end, 'vxlan', data);
}

export function setLinkUp(index: number): NetlinkMessage {
  return { type: routeMessage.newLink, flags: 0, body: linkHeader(index, linkUp), what: `set link ${index} up` };
}

export function setLinkMtu(index: number, mtu: number): NetlinkMessage {
  const body = Buffer.concat([linkHeader(index), attribute(linkAttribute.mtu, u32(mtu))]);
  return { type: routeMessage.newLink, flags: 0, body, what: `set mtu of link ${index}` };
}

/** Moves a link to the namespace of `end`, where it has another name and is down. */
export function moveLink(index: number, end: LinkEnd): NetlinkMessage {
  return { type: routeMessage.newLink, flags: 0, body: Buffer.concat([linkHeader(index), linkEnd(end)]), what: `move link ${index} to ${end.name}` };
}

/** A WireGuard device in the namespace of `end`, whose UDP socket stays in the namespace of the netlink socket. */
export function addWireguard(end: LinkEnd): NetlinkMessage {
  return addLink(end, 'wireguard', Buffer.alloc(0));
}

export function setLinkMac(index: number, mac: string): NetlinkMessage {
  const body = Buffer.concat([linkHeader(index), attribute(linkAttribute.address, macBytes(mac))]);
  return { type: routeMessage.newLink, flags: 0, body, what: `set address of link ${index}` };
}

export function deleteLink(index: number): NetlinkMessage {
  return { type: routeMessage.deleteLink, flags: 0, body: linkHeader(index), what: `delete link ${index}`, accept: [errnos.ENODEV!] };
}

/** `noPrefixRoute`: the subnet's route is made by hand. */
export function addAddress(index: number, prefix: Prefix, noPrefixRoute = false): NetlinkMessage {
  return addressMessage(routeMessage.newAddress, netlinkFlag.create | netlinkFlag.replace, index, prefix, noPrefixRoute);
}

export function deleteAddress(index: number, prefix: Prefix): NetlinkMessage {
  return { ...addressMessage(routeMessage.deleteAddress, 0, index, prefix, false), accept: [errnos.EADDRNOTAVAIL!] };
}

export interface Route {
  destination: Prefix;
  table: number;
  type: 'unicast' | 'unreachable';
  via?: string;
  /** The gateway is on the link although no address says so. */
  onlink?: boolean;
  source?: string;
  metric?: number;
  linkIndex?: number;
}

export function replaceRoute(route: Route): NetlinkMessage {
  return routeRequest(routeMessage.newRoute, netlinkFlag.create | netlinkFlag.replace, route);
}

export function deleteRoute(route: Route): NetlinkMessage {
  return { ...routeRequest(routeMessage.deleteRoute, 0, route), accept: [errnos.ESRCH!] };
}

export function replaceNeighbour(linkIndex: number, address: string, mac: string): NetlinkMessage {
  return {
    type: routeMessage.newNeighbour,
    flags: netlinkFlag.create | netlinkFlag.replace,
    body: neighbour(inet(addressBytes(address)), linkIndex, 0, address, mac),
    what: `replace neighbour ${address}`,
  };
}

export function deleteNeighbour(linkIndex: number, address: string): NetlinkMessage {
  return {
    type: routeMessage.deleteNeighbour,
    flags: 0,
    body: neighbour(inet(addressBytes(address)), linkIndex, 0, address),
    what: `delete neighbour ${address}`,
    accept: [errnos.ENOENT!],
  };
}

const onDeviceItself = 2;

/** Frames for `mac` go to the node at `underlay`. */
export function replaceForwarding(linkIndex: number, mac: string, underlay: string): NetlinkMessage {
  return {
    type: routeMessage.newNeighbour,
    flags: netlinkFlag.create | netlinkFlag.replace,
    body: neighbour(addressFamily.bridge, linkIndex, onDeviceItself, underlay, mac),
    what: `forward ${mac} to ${underlay}`,
  };
}

export function deleteForwarding(linkIndex: number, mac: string): NetlinkMessage {
  return {
    type: routeMessage.deleteNeighbour,
    flags: 0,
    body: neighbour(addressFamily.bridge, linkIndex, onDeviceItself, undefined, mac),
    what: `stop forwarding ${mac}`,
    accept: [errnos.ENOENT!],
  };
}

export interface Rule {
  family: Family;
  priority: number;
  mark: number;
  mask: number;
  table: number;
  /** The rule holds for packets that do not match. */
  invert: boolean;
}

export function addRule(rule: Rule): NetlinkMessage {
  return ruleRequest(routeMessage.newRule, netlinkFlag.create | netlinkFlag.exclusive, rule, errnos.EEXIST!);
}

export function deleteRule(rule: Rule): NetlinkMessage {
  return ruleRequest(routeMessage.deleteRule, 0, rule, errnos.ENOENT!);
}

function linkHeader(index: number, up = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(up, 8);
  header.writeUInt32LE(up, 12);
  return header;
}

function linkEnd(end: LinkEnd): Buffer {
  return Buffer.concat([
    attribute(linkAttribute.name, Buffer.from(`${end.name}\0`)),
    attribute(linkAttribute.mtu, u32(end.mtu)),
    ...(end.mac ? [attribute(linkAttribute.address, macBytes(end.mac))] : []),
    ...(end.namespaceFd === undefined ? [] : [attribute(linkAttribute.netnsFd, u32(end.namespaceFd))]),
  ]);
}

function addLink(end: LinkEnd, kind: string, data: Buffer, isUp = false): NetlinkMessage {
  const info = Buffer.concat([attribute(linkInfo.kind, Buffer.from(kind)), attribute(linkInfo.data, data)]);
  return {
    type: routeMessage.newLink,
    flags: netlinkFlag.create | netlinkFlag.exclusive,
    body: Buffer.concat([linkHeader(0, isUp ? linkUp : 0), linkEnd(end), attribute(linkAttribute.linkInfo, info)]),
    what: `add ${kind} ${end.name}`,
  };
}

const addressFlag = { noDuplicateDetection: 0x02, noPrefixRoute: 0x200 } as const;

function addressMessage(type: number, flags: number, index: number, prefix: Prefix, noPrefixRoute: boolean): NetlinkMessage {
  const bytes = addressBytes(prefix.address);
  const header = Buffer.from([inet(bytes), prefix.length, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(index, 4);
  // Whoever has an address here was given it alone: nobody has to be asked, which would take IPv6 a second.
  const addressFlags = (noPrefixRoute ? addressFlag.noPrefixRoute : 0) | (bytes.length === 16 ? addressFlag.noDuplicateDetection : 0);
  const body = Buffer.concat([
    header,
    attribute(2, bytes), // IFA_LOCAL
    attribute(1, bytes), // IFA_ADDRESS
    ...(addressFlags === 0 ? [] : [attribute(8, u32(addressFlags))]), // IFA_FLAGS
  ]);
  const verb = type === routeMessage.newAddress ? 'add' : 'delete';
  return { type, flags, body, what: `${verb} address ${prefix.address}/${prefix.length}` };
}

const routeType = { unicast: 1, unreachable: 7 } as const;

function routeRequest(type: number, flags: number, route: Route): NetlinkMessage {
  const { destination, via, source } = route;
  const staticProtocol = 4;
  const scope = route.type === 'unicast' && !via ? 253 : 0; // on the link, or beyond it
  const destinationBytes = addressBytes(destination.address);
  const header = Buffer.from([inet(destinationBytes), destination.length, 0, 0, 0, staticProtocol, scope, routeType[route.type], 0, 0, 0, 0]);
  if (route.onlink) header.writeUInt32LE(4, 8);
  const body = Buffer.concat([
    header,
    attribute(1, destinationBytes), // RTA_DST
    attribute(15, u32(route.table)), // RTA_TABLE
    ...(route.linkIndex === undefined ? [] : [attribute(4, u32(route.linkIndex))]), // RTA_OIF
    ...(via ? [attribute(5, addressBytes(via))] : []), // RTA_GATEWAY
    ...(route.metric === undefined ? [] : [attribute(6, u32(route.metric))]), // RTA_PRIORITY
    ...(source ? [attribute(7, addressBytes(source))] : []), // RTA_PREFSRC
  ]);
  const verb = type === routeMessage.newRoute ? 'replace' : 'delete';
  return { type, flags, body, what: `${verb} route ${destination.address}/${destination.length}${via ? ` via ${via}` : ''}` };
}

function neighbour(family: number, linkIndex: number, flags: number, destination?: string, mac?: string): Buffer {
  const permanent = 0x80;
  const header = Buffer.alloc(12);
  header.writeUInt8(family, 0);
  header.writeInt32LE(linkIndex, 4);
  header.writeUInt16LE(permanent, 8);
  header.writeUInt8(flags, 10);
  return Buffer.concat([
    header,
    ...(destination ? [attribute(1, addressBytes(destination))] : []), // NDA_DST
    ...(mac ? [attribute(2, macBytes(mac))] : []), // NDA_LLADDR
  ]);
}

function ruleRequest(type: number, flags: number, rule: Rule, accepted: number): NetlinkMessage {
  const toTable = 1;
  const invert = 2;
  const header = Buffer.from([rule.family === 4 ? addressFamily.inet : addressFamily.inet6, 0, 0, 0, 0, 0, 0, toTable, 0, 0, 0, 0]);
  if (rule.invert) header.writeUInt32LE(invert, 8);
  const body = Buffer.concat([
    header,
    attribute(6, u32(rule.priority)), // FRA_PRIORITY
    attribute(10, u32(rule.mark)), // FRA_FWMARK
    attribute(16, u32(rule.mask)), // FRA_FWMASK
    attribute(15, u32(rule.table)), // FRA_TABLE
  ]);
  return { type, flags, body, what: `rule ${rule.priority} mark ${rule.mark} table ${rule.table}`, accept: [accepted] };
}

function inet(address: Buffer): number {
  return address.length === 4 ? addressFamily.inet : addressFamily.inet6;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
