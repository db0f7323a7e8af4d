import { formatAddress, formatMac, ingressMark, parsePrefix } from './addresses.js';
import { mainRouteTable, unreachableMetric } from './kernel-item.js';
import type { KernelItem } from './kernel-item.js';
import { readAttributes } from './netlink.js';
import type { Netlink, NetlinkMessage } from './netlink.js';
import * as route from './rtnetlink.js';
import { addressFamily } from './syscalls.js';

/** The mesh's devices by index, as netlink names them. */
export interface MeshLinks {
  lo: number;
  vx0: number;
}

export function additionOf(item: KernelItem, links: MeshLinks): NetlinkMessage {
  switch (item.kind) {
    case 'mac':
      return route.setLinkMac(links.vx0, item.mac);
    case 'address':
      return route.addAddress(links[item.link], parsePrefix(item.address));
    case 'neighbour':
      return route.replaceNeighbour(links.vx0, item.address, item.mac);
    case 'forwarding':
      return route.replaceForwarding(links.vx0, item.mac, item.underlay);
    case 'route':
    case 'unreachable':
      return route.replaceRoute(routeOf(item, links));
    case 'rule':
      return route.addRule(item);
  }
}

/** `undefined`: it can only be replaced. */
export function removalOf(item: KernelItem, links: MeshLinks): NetlinkMessage | undefined {
  switch (item.kind) {
    case 'mac':
      return undefined;
    case 'address':
      return route.deleteAddress(links[item.link], parsePrefix(item.address));
    case 'neighbour':
      return route.deleteNeighbour(links.vx0, item.address);
    case 'forwarding':
      return route.deleteForwarding(links.vx0, item.mac);
    case 'route':
    case 'unreachable':
      return route.deleteRoute(routeOf(item, links));
    case 'rule':
      return route.deleteRule(item);
  }
}

function routeOf(item: KernelItem & { kind: 'route' | 'unreachable' }, links: MeshLinks): route.Route {
  const destination = parsePrefix(item.destination);
  if (item.kind === 'unreachable') return { destination, table: mainRouteTable, type: 'unreachable', metric: unreachableMetric };
  const { via, source, table } = item;
  return { destination, table, type: 'unicast', via, onlink: via !== undefined, source, linkIndex: links.vx0 };
}

/** What of our making is in the kernel: the `applied` of an agent that has just started. */
export function readItems(netlink: Netlink, links: MeshLinks): KernelItem[] {
  return [
    ...route.listLinks(netlink).filter((link) => link.index === links.vx0).map(({ mac }): KernelItem => ({ kind: 'mac', mac })),
    ...families.flatMap((family) => netlink.dump(route.routeMessage.getAddress, header(8, family)).flatMap((body) => readAddress(body, links))),
    ...families.flatMap((family) => netlink.dump(route.routeMessage.getNeighbour, header(12, family)).flatMap((body) => readNeighbour(body, links))),
    ...netlink.dump(route.routeMessage.getNeighbour, header(12, addressFamily.bridge)).flatMap((body) => readForwarding(body, links)),
    ...readRoutes(netlink).flatMap((found) => routeItem(found, links)),
    ...families.flatMap((family) => netlink.dump(route.routeMessage.getRule, header(12, family)).flatMap(readRule)),
  ];
}

/** Addresses that the mesh routes to containers here. */
export function readLocalAddresses(netlink: Netlink): string[] {
  const containerLinks = new Set(route.listLinks(netlink).filter((link) => link.name.startsWith('c')).map((link) => link.index));
  return readRoutes(netlink).filter((found) => containerLinks.has(found.linkIndex ?? -1)).map((found) => found.destination.address);
}

/** Of the kernel's; where it has no IPv6 it lists none of it. */
const families = [addressFamily.inet, addressFamily.inet6];

const permanent = 0x80;

function readAddress(body: Buffer, links: MeshLinks): KernelItem[] {
  const attributes = readAttributes(body.subarray(8));
  const local = attributes.get(2) ?? attributes.get(1); // IFA_LOCAL; of IPv6 there is IFA_ADDRESS only
  const index = body.readUInt32LE(4);
  const link = index === links.lo ? 'lo' : index === links.vx0 ? 'vx0' : undefined;
  if (!local || !link || body.readUInt8(1) !== local.length * 8) return [];
  return [{ kind: 'address', link, address: formatAddress(local) }];
}

function readNeighbour(body: Buffer, links: MeshLinks): KernelItem[] {
  const attributes = readAttributes(body.subarray(12));
  const [address, mac] = [attributes.get(1), attributes.get(2)];
  if (body.readInt32LE(4) !== links.vx0 || body.readUInt16LE(8) !== permanent || !address || !mac) return [];
  return [{ kind: 'neighbour', address: formatAddress(address), mac: formatMac(mac) }];
}

function readForwarding(body: Buffer, links: MeshLinks): KernelItem[] {
  const attributes = readAttributes(body.subarray(12));
  const [underlay, mac] = [attributes.get(1), attributes.get(2)];
  if (body.readInt32LE(4) !== links.vx0 || !underlay || !mac) return [];
  return [{ kind: 'forwarding', mac: formatMac(mac), underlay: formatAddress(underlay) }];
}

function readRoutes(netlink: Netlink): route.Route[] {
  return families.flatMap((family) => netlink.dump(route.routeMessage.getRoute, header(12, family))).flatMap((body) => {
    const attributes = readAttributes(body.subarray(12));
    const staticProtocol = 4;
    const types: Record<number, route.Route['type']> = { 1: 'unicast', 7: 'unreachable' };
    const type = types[body.readUInt8(7)];
    if (body.readUInt8(5) !== staticProtocol || !type) return [];
    const anywhere = body.readUInt8(0) === addressFamily.inet ? '0.0.0.0' : '::';
    const [destination, gateway, source] = [attributes.get(1), attributes.get(5), attributes.get(7)];
    return [
      {
        type,
        destination: { address: destination ? formatAddress(destination) : anywhere, length: body.readUInt8(1) },
        table: attributes.get(15)?.readUInt32LE(0) ?? body.readUInt8(4),
        via: gateway && formatAddress(gateway),
        source: source && formatAddress(source),
        metric: attributes.get(6)?.readUInt32LE(0),
        linkIndex: attributes.get(4)?.readUInt32LE(0),
      },
    ];
  });
}

function routeItem(found: route.Route, links: MeshLinks): KernelItem[] {
  const destination = `${found.destination.address}/${found.destination.length}`;
  if (found.type === 'unreachable') return found.metric === unreachableMetric ? [{ kind: 'unreachable', destination }] : [];
  if (found.linkIndex !== links.vx0) return [];
  return [{ kind: 'route', destination, via: found.via, source: found.source, table: found.table }];
}

function readRule(body: Buffer): KernelItem[] {
  const attributes = readAttributes(body.subarray(12));
  const [priority, mark, mask, table] = [6, 10, 16, 15].map((type) => attributes.get(type)?.readUInt32LE(0) ?? 0);
  const invert = (body.readUInt32LE(8) & 2) !== 0;
  if ((mark! & ingressMark) === 0) return [];
  return [{ kind: 'rule', family: body.readUInt8(0) === addressFamily.inet ? 4 : 6, priority: priority!, mark: mark!, mask: mask!, table: table!, invert }];
}

function header(length: number, family: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt8(family, 0);
  return bytes;
}
