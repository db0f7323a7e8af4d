import { readFileSync } from 'node:fs';
import { isErrno } from '../../base/src/index.js';
import { families, formatAddress, hostSideAddress, meshSideAddress } from './addresses.js';
import type { Drift } from './drift.js';
import { hostLinkName } from './host-rules.js';
import { mainRouteTable } from './kernel-item.js';
import { readNeighbours, readRoutes } from './kernel-state.js';
import { anywhere, hostLinkMtu, hostSysctls, isTunnelRight, linkPrefixLength, meshSysctls } from './mesh.js';
import type { Mesh } from './mesh.js';
import { inNamespace, setSysctls } from './namespaces.js';
import { readAttributes, type Netlink } from './netlink.js';
import type { NodeNetworkOptions } from './network.js';
import * as route from './rtnetlink.js';

/** What of the mesh's own links is not as `ensureMeshLinks` leaves it. */
export function linkDrift({ host, mesh, mtu, hasIpv6 }: Mesh, options: NodeNetworkOptions): Drift[] {
  const name = hostLinkName(options.name);
  const [hostEnd, meshEnd, tunnel, loopback] = [route.findLink(host, name), route.findLink(mesh, 'up0'), route.findLink(mesh, 'vx0'), route.findLink(mesh, 'lo')];
  const drift: Drift[] = [];
  const expect = (isRight: boolean | undefined, kind: Drift['kind'], what: string) => {
    if (!isRight) drift.push({ kind, what });
  };
  const linkMtu = hostLinkMtu(mtu, options);
  expect(hostEnd?.isUp && hostEnd.mtu === linkMtu, 'link', name);
  expect(meshEnd?.isUp && meshEnd.mtu === linkMtu, 'link', 'up0');
  expect(tunnel?.isUp && isTunnelRight(tunnel, mtu, options), 'link', 'vx0');
  expect(loopback?.isUp, 'link', 'lo');
  if (!hostEnd || !meshEnd) return drift;
  const hostAddresses = addressesOf(host, hostEnd.index);
  const meshAddresses = addressesOf(mesh, meshEnd.index);
  const known = [...readNeighbours(host), ...readNeighbours(mesh)].map(({ address, mac }) => `${address} ${mac}`);
  const [hostRoutes, meshRoutes] = [readRoutes(host, true), readRoutes(mesh)];
  for (const family of hasIpv6 ? families : [4 as const]) {
    const length = linkPrefixLength[family];
    expect(hostAddresses.has(`${hostSideAddress[family]}/${length}`), 'address', `${hostSideAddress[family]}/${length} dev ${name}`);
    expect(meshAddresses.has(`${meshSideAddress[family]}/${length}`), 'address', `${meshSideAddress[family]}/${length} dev up0`);
    const isDefault = (found: route.Route) => found.destination.address === anywhere[family] && found.destination.length === 0;
    expect(meshRoutes.some((found) => isDefault(found) && found.table === mainRouteTable && found.via === hostSideAddress[family]), 'route', `${anywhere[family]}/0 via ${hostSideAddress[family]} dev up0`);
    expect(known.includes(`${hostSideAddress[family]} ${hostEnd.mac}`), 'neighbour', `${hostSideAddress[family]} dev up0`);
    expect(known.includes(`${meshSideAddress[family]} ${meshEnd.mac}`), 'neighbour', `${meshSideAddress[family]} dev ${name}`);
    expect(hostRoutes.some((found) => found.linkIndex === hostEnd.index && found.destination.length === length), 'route', `to ${meshSideAddress[family]} dev ${name}`);
  }
  return drift;
}

/** Settings that were changed, and are put back. Ten small reads; the kernel tells nobody of most of them. */
export function restoreSysctls({ namespaceFd, hasIpv6 }: Mesh, options: NodeNetworkOptions): Drift[] {
  const ofHost = restoreChanged(hostSysctls(hostLinkName(options.name), hasIpv6));
  return [...ofHost, ...inNamespace(namespaceFd, () => restoreChanged(meshSysctls(hasIpv6)))];
}

function restoreChanged(wanted: Record<string, string>): Drift[] {
  const changed = Object.entries(wanted).filter(([name, value]) => ![value, undefined].includes(sysctl(name)));
  setSysctls(Object.fromEntries(changed));
  return changed.map(([name, value]) => ({ kind: 'setting', what: `net/${name} ${value}` }));
}

/** `undefined`: of a link that is gone, which others repair. */
function sysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function addressesOf(netlink: Netlink, link: number): Set<string> {
  const header = Buffer.alloc(8); // of every family
  const bodies = netlink.dump(route.routeMessage.getAddress, header).filter((body) => body.readUInt32LE(4) === link);
  return new Set(
    bodies.flatMap((body) => {
      const attributes = readAttributes(body.subarray(8));
      const local = attributes.get(2) ?? attributes.get(1);
      return local ? [`${formatAddress(local)}/${body.readUInt8(1)}`] : [];
    }),
  );
}
