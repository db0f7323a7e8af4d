import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../../base/src/index.js';
import { families, familyOf, formatAddress, hostSideAddress, meshSideAddress, parsePrefix, type Family } from './addresses.js';
import { innerTunnelPort, wireBytes } from './encryption-state.js';
import { hostLinkName } from './host-rules.js';
import { mainRouteTable, type MeshLinkName } from './kernel-item.js';
import type { MeshLinks } from './kernel-state.js';
import { inNamespace, listNamespaces, makeNamespace, openNamespace, removeNamespace, setSysctls, staticIpv6 } from './namespaces.js';
import { Netlink, readAttributes } from './netlink.js';
import type { NodeNetworkOptions } from './network.js';
import { boundSubnet } from './published-ports.js';
import * as route from './rtnetlink.js';
import { addressFamily } from './syscalls.js';

/** The node's mesh namespace, open for work. */
export interface Mesh {
  namespaceFd: number;
  /** Sockets in the host's namespace and in the mesh. */
  host: Netlink;
  mesh: Netlink;
  /** What a container's packet may be long to fit the tunnel. */
  mtu: number;
  /** The kernel has IPv6. */
  hasIpv6: boolean;
}

const meshName = 'mesh';
const clusterVni = 4096;
const encryptedVni = 4097;
const tunnelBytes: Record<Family, number> = { 4: 50, 6: 70 };
export const linkPrefixLength: Record<Family, number> = { 4: 30, 6: 126 };
const linkSubnet: Record<Family, string> = { 4: '169.254.77.0', 6: 'fd77:77::' };
export const anywhere: Record<Family, string> = { 4: '0.0.0.0', 6: '::' };
/** Loopback allows one byte more than other devices. */
const maxMtu = 65535;

export function namespaceFolder(options: NodeNetworkOptions): string {
  return join(options.stateDir, 'netns');
}

/** Namespaces in the folder that belong to containers, by container id. */
export function containerNamespaces(options: NodeNetworkOptions): string[] {
  return listNamespaces(namespaceFolder(options)).filter((name) => name !== meshName);
}

/** Makes what is missing of the mesh and leaves what stands: an agent that restarts disturbs no packet. */
export function openMesh(options: NodeNetworkOptions): Mesh {
  checkName(options.name);
  const path = join(namespaceFolder(options), meshName);
  const host = new Netlink();
  const mtu = underlayMtu(host, options) - tunnelBytes[familyOf(options.dataPathAddress)];
  const hasIpv6 = existsSync('/proc/sys/net/ipv6');
  if (!listNamespaces(namespaceFolder(options)).includes(meshName)) makeNamespace(path, () => setUpMesh(hasIpv6));
  const namespaceFd = openNamespace(path);
  const mesh: Mesh = { namespaceFd, host, mesh: inNamespace(namespaceFd, () => new Netlink()), mtu, hasIpv6 };
  ensureMeshLinks(mesh, options);
  return mesh;
}

/** Puts back what somebody took away. */
export function ensureMeshLinks(all: Mesh, options: NodeNetworkOptions): MeshLinks {
  ensureHostLink(all, options);
  ensureTunnel(all, options);
  const { mesh } = all;
  mesh.request([route.setLinkUp(route.linkNamed(mesh, 'lo').index)]);
  return { lo: route.linkNamed(mesh, 'lo').index, vx0: route.linkNamed(mesh, 'vx0').index };
}

/** Made in the mesh, so that its packets have no way out of it but WireGuard's. */
export function ensureEncryptedTunnel({ mesh, mtu }: Mesh): void {
  const wanted = { name: 'vxe0', mtu: mtu - wireBytes };
  if (route.findLink(mesh, 'vxe0')?.mtu !== wanted.mtu) {
    removeLink(mesh, 'vxe0');
    mesh.request([route.addVxlan(wanted, { id: encryptedVni, port: innerTunnelPort })]);
  }
  mesh.request([route.setLinkUp(route.linkNamed(mesh, 'vxe0').index)]);
}

export function removeEncryptedTunnel({ mesh }: Mesh): void {
  removeLink(mesh, 'vxe0');
}

/** With those of encryption that are there. */
export function meshLinks({ mesh }: Mesh): MeshLinks {
  const names: readonly MeshLinkName[] = ['lo', 'vx0', 'vxe0', 'wg0', 'wg1'];
  // By name: each container has a link here as well.
  const links = names.map((name) => [name, route.findLinkIndex(mesh, name)] as const).filter(([, index]) => index !== undefined);
  return Object.fromEntries(links) as MeshLinks;
}

export function closeMesh({ namespaceFd, host, mesh }: Mesh): void {
  host.close();
  mesh.close();
  closeSync(namespaceFd);
}

/** Takes the mesh and its links away, whatever is left of them. */
export function removeMesh({ host, mesh }: Mesh, options: NodeNetworkOptions): void {
  // By name and at once: with the namespace they would go some time later, and a new mesh could meet them.
  removeLink(mesh, 'vx0');
  removeLink(host, hostLinkName(options.name));
  removeNamespace(join(namespaceFolder(options), meshName));
}

/** It becomes part of a link's name, which the kernel limits to 15 characters. */
function checkName(name: string): void {
  if (!/^[a-z][a-z0-9_]{0,9}$/.test(name)) {
    throw new Refused('invalid', `"${name}" cannot prefix names in the kernel: use up to 10 of a-z, 0-9 and _, a letter first`);
  }
}

/** How many seconds a connection is known that says nothing. The host's own setting, which published connections are under as well, is the host's. */
const idleConnections = 'netfilter/nf_conntrack_tcp_timeout_established';

/** Settings of the mesh's namespace. */
export function meshSysctls(hasIpv6: boolean): Record<string, string> {
  return {
    'ipv4/ip_forward': '1',
    'ipv4/conf/all/route_localnet': '1',
    'ipv4/conf/all/rp_filter': '0', // clients from outside arrive on the tunnel
    'ipv4/conf/default/rp_filter': '0',
    'ipv4/conf/all/send_redirects': '0',
    'ipv4/conf/default/send_redirects': '0',
    'ipv4/icmp_ratelimit': '0', // else a second refused connection waits a second
    ...(existsSync(`/proc/sys/net/${idleConnections}`) ? { [idleConnections]: String(5 * 24 * 3600) } : {}), // not there before conntrack is, which begins with as much
    ...(hasIpv6 ? { ...staticIpv6, 'ipv6/conf/all/forwarding': '1', 'ipv6/conf/default/forwarding': '1' } : {}),
  };
}

/** Settings of the host's namespace. */
export function hostSysctls(link: string, hasIpv6: boolean): Record<string, string> {
  return {
    'ipv4/ip_forward': '1',
    [`ipv4/conf/${link}/route_localnet`]: '1',
    ...(hasIpv6 ? { 'ipv6/conf/all/forwarding': '1', [`ipv6/conf/${link}/disable_ipv6`]: '0' } : {}),
  };
}

function setUpMesh(hasIpv6: boolean): void {
  setSysctls(meshSysctls(hasIpv6));
  const netlink = new Netlink();
  try {
    netlink.request([route.setLinkUp(route.linkNamed(netlink, 'lo').index)]);
  } finally {
    netlink.close();
  }
}

/** What passes between host and mesh has not been wrapped yet. */
export function hostLinkMtu(meshMtu: number, { dataPathAddress }: NodeNetworkOptions): number {
  return meshMtu + tunnelBytes[familyOf(dataPathAddress)];
}

function ensureHostLink({ host, mesh, namespaceFd, mtu, hasIpv6 }: Mesh, options: NodeNetworkOptions): void {
  const name = hostLinkName(options.name);
  const linkMtu = hostLinkMtu(mtu, options);
  if (!route.findLink(host, name) || !route.findLink(mesh, 'up0')) {
    removeLink(host, name);
    removeLink(mesh, 'up0');
    host.request([route.addVeth({ name, mtu: linkMtu }, { name: 'up0', mtu: linkMtu, namespaceFd })]);
  }
  if (hasIpv6) keepLearnedRoutes();
  setSysctls(hostSysctls(name, hasIpv6));
  const { index: hostEnd, mac: hostMac } = route.linkNamed(host, name);
  const { index: meshEnd, mac: meshMac } = route.linkNamed(mesh, 'up0');
  host.request([route.setLinkMtu(hostEnd, linkMtu), route.setLinkUp(hostEnd)]);
  mesh.request([route.setLinkMtu(meshEnd, linkMtu), route.setLinkUp(meshEnd)]);
  for (const family of hasIpv6 ? families : [4 as const]) {
    const length = linkPrefixLength[family];
    host.request([
      route.addAddress(hostEnd, { address: hostSideAddress[family], length }),
      route.replaceNeighbour(hostEnd, meshSideAddress[family], meshMac),
      route.replaceRoute({ destination: { address: linkSubnet[family], length }, table: mainRouteTable, type: 'unicast', linkIndex: hostEnd }),
      route.replaceRoute({ destination: parsePrefix(boundSubnet[family]), table: mainRouteTable, type: 'unicast', via: meshSideAddress[family], linkIndex: hostEnd }),
    ]);
    mesh.request([
      route.addAddress(meshEnd, { address: meshSideAddress[family], length }),
      route.replaceNeighbour(meshEnd, hostSideAddress[family], hostMac), // without a link-local address the mesh could not ask for it
      route.replaceRoute({ destination: { address: anywhere[family], length: 0 }, table: mainRouteTable, type: 'unicast', via: hostSideAddress[family], linkIndex: meshEnd }),
    ]);
  }
}

/** A host that forwards IPv6 learns no routes from its routers any more unless told to (accept_ra 2): it shall keep those that it has. */
function keepLearnedRoutes(): void {
  for (const name of readdirSync('/proc/sys/net/ipv6/conf')) {
    if (readFileSync(`/proc/sys/net/ipv6/conf/${name}/accept_ra`, 'utf8').trim() === '1') setSysctls({ [`ipv6/conf/${name}/accept_ra`]: '2' });
  }
}

/** Made from the host's side: the tunnel's packets follow the host's routes, its device lives in the mesh. */
function ensureTunnel({ host, mesh, namespaceFd, mtu }: Mesh, options: NodeNetworkOptions): void {
  const { dataPathAddress, dataPathPort } = options;
  if (!isTunnelRight(route.findLink(mesh, 'vx0'), mtu, options)) {
    removeLink(mesh, 'vx0');
    host.request([route.addVxlan({ name: 'vx0', mtu, namespaceFd }, { id: clusterVni, localAddress: dataPathAddress, port: dataPathPort })]);
  }
  mesh.request([route.setLinkUp(route.linkNamed(mesh, 'vx0').index)]);
}

export function isTunnelRight(tunnel: route.Link | undefined, mtu: number, { dataPathAddress, dataPathPort }: NodeNetworkOptions): boolean {
  return tunnel?.mtu === mtu && tunnel.underlay?.address === dataPathAddress && tunnel.underlay.port === dataPathPort;
}

function underlayMtu(host: Netlink, { dataPathAddress }: NodeNetworkOptions): number {
  const addressHeader = Buffer.from([familyOf(dataPathAddress) === 4 ? addressFamily.inet : addressFamily.inet6, 0, 0, 0, 0, 0, 0, 0]);
  const owner = host.dump(route.routeMessage.getAddress, addressHeader).find((body) => {
    const attributes = readAttributes(body.subarray(8));
    const local = attributes.get(2) ?? attributes.get(1);
    return local !== undefined && formatAddress(local) === dataPathAddress;
  });
  const link = owner && route.listLinks(host).find(({ index }) => index === owner.readUInt32LE(4));
  if (!link) throw new Refused('precondition', `the data path address ${dataPathAddress} is on no interface of this host`);
  return Math.min(link.mtu, maxMtu);
}

function removeLink(netlink: Netlink, name: string): void {
  const link = route.findLink(netlink, name);
  if (link) netlink.request([route.deleteLink(link.index)]);
}
