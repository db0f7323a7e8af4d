import { Bug } from '../../base/src/index.js';
import { formatAddress, formatMac, ingressMark, parsePrefix, type Tunnel } from './addresses.js';
import { mainRouteTable, unreachableMetric } from './kernel-item.js';
import type { KernelItem, MeshLinkName, Wire } from './kernel-item.js';
import { readAttributes } from './netlink.js';
import type { Netlink, NetlinkMessage } from './netlink.js';
import * as route from './rtnetlink.js';
import { addressFamily } from './syscalls.js';

/** The mesh's devices by index, as netlink names them. */
export type MeshLinks = Record<'lo' | 'vx0', number> & Partial<Record<MeshLinkName, number>>;

export function additionOf(item: KernelItem, links: MeshLinks): NetlinkMessage {
  switch (item.kind) {
    case 'mac':
      return route.setLinkMac(indexOf(item, links), item.mac);
    case 'address':
      return route.addAddress(indexOf(item, links), parsePrefix(item.address));
    case 'neighbour':
      return route.replaceNeighbour(indexOf(item, links), item.address, item.mac);
    case 'forwarding':
      return route.replaceForwarding(indexOf(item, links), item.mac, item.underlay);
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
      return route.deleteAddress(indexOf(item, links), parsePrefix(item.address));
    case 'neighbour':
      return route.deleteNeighbour(indexOf(item, links), item.address);
    case 'forwarding':
      return route.deleteForwarding(indexOf(item, links), item.mac);
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
  return { destination, table, type: 'unicast', via, onlink: via !== undefined, source, linkIndex: indexOf(item, links) };
}

function indexOf({ link }: { link: MeshLinkName }, links: MeshLinks): number {
  const index = links[link];
  if (index === undefined) throw new Bug(`the plan names ${link}, which this mesh does not have`);
  return index;
}

/** Which of ours has this index. */
function nameOf(index: number | undefined, links: MeshLinks): MeshLinkName | undefined {
  return (Object.keys(links) as MeshLinkName[]).find((name) => links[name] === index);
}

const tunnels: readonly Tunnel[] = ['vx0', 'vxe0'];

function tunnelOf(index: number, links: MeshLinks): Tunnel | undefined {
  return tunnels.find((name) => links[name] === index);
}

/** What of our making is in the kernel: the `applied` of an agent that has just started. */
export function readItems(netlink: Netlink, links: MeshLinks): KernelItem[] {
  return [
    ...tunnels.flatMap((link): KernelItem[] => {
      const found = links[link] === undefined ? undefined : route.findLink(netlink, link);
      return found ? [{ kind: 'mac', link, mac: found.mac }] : [];
    }),
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

/** Permanent ones of every link. */
export function readNeighbours(netlink: Netlink): { link: number; address: string; mac: string }[] {
  const bodies = families.flatMap((family) => netlink.dump(route.routeMessage.getNeighbour, header(12, family)));
  return bodies.filter((body) => body.readUInt16LE(8) === permanent).flatMap((body) => {
    const attributes = readAttributes(body.subarray(12));
    const [address, mac] = [attributes.get(1), attributes.get(2)];
    return address && mac ? [{ link: body.readInt32LE(4), address: formatAddress(address), mac: formatMac(mac) }] : [];
  });
}

function readAddress(body: Buffer, links: MeshLinks): KernelItem[] {
  const attributes = readAttributes(body.subarray(8));
  const local = attributes.get(2) ?? attributes.get(1); // IFA_LOCAL; of IPv6 there is IFA_ADDRESS only
  const link = nameOf(body.readUInt32LE(4), links);
  if (!local || !link || body.readUInt8(1) !== local.length * 8) return [];
  return [{ kind: 'address', link, address: formatAddress(local) }];
}

function readNeighbour(body: Buffer, links: MeshLinks): KernelItem[] {
  const link = tunnelOf(body.readInt32LE(4), links);
  if (!link || body.readUInt16LE(8) !== permanent) return []; // each container has some: not looked into
  const attributes = readAttributes(body.subarray(12));
  const [address, mac] = [attributes.get(1), attributes.get(2)];
  if (!address || !mac) return [];
  return [{ kind: 'neighbour', link, address: formatAddress(address), mac: formatMac(mac) }];
}

function readForwarding(body: Buffer, links: MeshLinks): KernelItem[] {
  const attributes = readAttributes(body.subarray(12));
  const [underlay, mac] = [attributes.get(1), attributes.get(2)];
  const link = tunnelOf(body.readInt32LE(4), links);
  if (!link || !underlay || !mac) return [];
  return [{ kind: 'forwarding', link, mac: formatMac(mac), underlay: formatAddress(underlay) }];
}

const staticProtocol = 4;
const routeTypes: Record<number, route.Route['type']> = { 1: 'unicast', 7: 'unreachable' };

/** Unicast and unreachable ones; those of the kernel's own making when `withKernels`. */
export function readRoutes(netlink: Netlink, withKernels = false): route.Route[] {
  return families.flatMap((family) => netlink.dump(route.routeMessage.getRoute, header(12, family))).flatMap((body) => {
    const type = routeTypes[body.readUInt8(7)];
    if ((body.readUInt8(5) !== staticProtocol && !withKernels) || !type) return [];
    const attributes = readAttributes(body.subarray(12));
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
  const link = nameOf(found.linkIndex, links);
  if (!link || link === 'lo') return [];
  return [{ kind: 'route', link: link satisfies Tunnel | Wire, destination, via: found.via, source: found.source, table: found.table }];
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
