import { createHash } from 'node:crypto';
import { Bug, Refused } from '../../base/src/index.js';
import type { AssignedNetwork } from '../../model/src/index.js';
import { containerMac, familyOf, gatewayMac, nameserverAddress, parsePrefix, type Family } from './addresses.js';
import { mainRouteTable } from './kernel-item.js';
import type { Mesh } from './mesh.js';
import { wireBytes } from './encryption-state.js';
import { makeNamespace, setSysctls, staticIpv6 } from './namespaces.js';
import { isErrno, Netlink } from './netlink.js';
import type { NetlinkMessage } from './netlink.js';
import type { LocalContainer } from './network.js';
import { publishedAddress } from './published-ports.js';
import * as route from './rtnetlink.js';
import { subnetOf } from './subnets.js';

/** Of `lo`, in every namespace. */
const loopbackIndex = 1;

/** One attachment of a container to a network: a link whose other end is in the mesh. */
export interface ContainerLink {
  /** Name in the container: eth0, eth1, … in the order of its networks. */
  name: string;
  /** Name of the mesh's end. */
  meshName: string;
  /** One per family at most, IPv4 first. */
  addresses: LinkAddress[];
  mac: string;
  mtu: number;
}

interface LinkAddress {
  family: Family;
  address: string;
  subnet: string;
  gateway: string;
  /** The first of its family carries the default route. */
  isFirst: boolean;
}

export function containerLinks(container: LocalContainer, networks: readonly AssignedNetwork[], meshMtu: number): ContainerLink[] {
  const ids = [...new Set(container.networks.map(({ networkId }) => networkId))];
  return ids.map((id, index) => {
    const network = networks.find((candidate) => candidate.id === id);
    if (!network) throw new Refused('precondition', `container ${container.containerId} is in network ${id}, which this node does not know yet`);
    const addresses = container.networks.filter(({ networkId }) => networkId === id).map(({ address }): LinkAddress => {
      const family = familyOf(address);
      return { family, address, ...subnetOf(network, address), isFirst: address === publishedAddress(container.networks, family) };
    });
    return {
      name: `eth${index}`,
      meshName: meshLinkName(container.containerId, index),
      addresses,
      mac: container.networks.find(({ networkId, macAddress }) => networkId === id && macAddress)?.macAddress ?? ((index === 0 && container.macAddress) || containerMac(addresses[0]!.address)),
      mtu: Math.min(network.mtu ?? meshMtu, network.encrypted ? meshMtu - wireBytes : meshMtu),
    };
  });
}

/** Links of containers begin with `c` in the mesh: the rules know them by that. */
function meshLinkName(containerId: string, index: number): string {
  return `c${createHash('sha256').update(containerId).digest('hex').slice(0, 10)}.${index}`;
}

/** Makes the namespace with all its links, and the mesh's half of them. All of it or nothing. */
export function makeContainerNamespace(path: string, links: readonly ContainerLink[], mesh: Mesh): void {
  const hasIpv6 = links.some(({ addresses }) => addresses.some(({ family }) => family === 6));
  makeNamespace(path, () => {
    setSysctls({
      'ipv4/ip_unprivileged_port_start': '0',
      'ipv4/ping_group_range': '0 2147483647',
      'ipv4/conf/all/route_localnet': '1', // answers of the nameserver come from outside
      'ipv4/conf/all/rp_filter': '0',
      'ipv4/conf/default/rp_filter': '0',
    });
    if (mesh.hasIpv6) setSysctls(hasIpv6 ? staticIpv6 : { 'ipv6/conf/default/disable_ipv6': '1' });
    const container = new Netlink();
    try {
      container.request([route.setLinkUp(loopbackIndex)]);
      for (const link of links) makeLink(container, mesh, link);
    } finally {
      container.close();
    }
  });
}

/** Called in the container's namespace, of which `container` is a socket. */
export function makeLink(container: Netlink, mesh: Mesh, link: ContainerLink): void {
  const near = { name: link.name, mtu: link.mtu, mac: link.mac };
  const far = { name: link.meshName, mtu: link.mtu, mac: gatewayMac, namespaceFd: mesh.namespaceFd };
  try {
    container.request([route.addVeth(near, far, true)]);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const leaving = route.findLinkIndex(mesh.mesh, link.meshName); // of a namespace that is on its way out, and may have left by now
    if (leaving !== undefined) mesh.mesh.request([route.deleteLink(leaving)]);
    container.request([route.addVeth(near, far, true)]);
  }
  const meshIndex = indexOf(mesh.mesh, link.meshName);
  mesh.mesh.request([route.setLinkUp(meshIndex), ...link.addresses.flatMap(({ address }) => meshMessages(meshIndex, address, link.mac))]);
  const linkIndex = indexOf(container, link.name);
  container.request(link.addresses.flatMap((address) => insideMessages(linkIndex, address)));
}

function indexOf(netlink: Netlink, name: string): number {
  const index = route.findLinkIndex(netlink, name);
  if (index === undefined) throw new Bug(`the link ${name} that was just made is not there`);
  return index;
}

/** How the mesh finds the container. */
export function meshMessages(meshIndex: number, address: string, mac: string): NetlinkMessage[] {
  return [
    route.replaceRoute({ destination: parsePrefix(address), table: mainRouteTable, type: 'unicast', linkIndex: meshIndex }),
    route.replaceNeighbour(meshIndex, address, mac),
  ];
}

/** The container asks nobody for a way: everything goes to the gateway, whose hardware address it knows. */
function insideMessages(linkIndex: number, { family, address, subnet, gateway, isFirst }: LinkAddress): NetlinkMessage[] {
  const through = (destination: string, table: number): NetlinkMessage =>
    route.replaceRoute({ destination: parsePrefix(destination), table, type: 'unicast', via: gateway, source: address, linkIndex });
  return [
    route.addAddress(linkIndex, { address, length: parsePrefix(subnet).length }, true),
    route.replaceNeighbour(linkIndex, gateway, gatewayMac),
    route.replaceRoute({ destination: parsePrefix(gateway), table: mainRouteTable, type: 'unicast', source: address, linkIndex }),
    through(subnet, mainRouteTable),
    ...(isFirst ? [through(family === 4 ? '0.0.0.0/0' : '::/0', mainRouteTable)] : []),
    ...(isFirst && family === 4 ? [through(nameserverAddress, route.localTable)] : []),
  ];
}
