import { createHash } from 'node:crypto';
import { Refused } from '../../base/src/index.js';
import type { AssignedNetwork } from '../../model/src/index.js';
import { containerMac, gatewayMac, nameserverAddress, parsePrefix } from './addresses.js';
import { mainRouteTable } from './kernel-item.js';
import type { Mesh } from './mesh.js';
import { makeNamespace, setSysctls } from './namespaces.js';
import { isErrno, Netlink } from './netlink.js';
import type { NetlinkMessage } from './netlink.js';
import type { LocalContainer } from './network.js';
import * as route from './rtnetlink.js';

/** One attachment of a container to a network: a link whose other end is in the mesh. */
interface ContainerLink {
  /** Name in the container: eth0, eth1, … in the order of its networks. */
  name: string;
  /** Name of the mesh's end. */
  meshName: string;
  address: string;
  mac: string;
  network: AssignedNetwork;
  mtu: number;
}

export function containerLinks(container: LocalContainer, networks: readonly AssignedNetwork[], meshMtu: number): ContainerLink[] {
  return container.networks.map(({ networkId, address }, i) => {
    const network = networks.find(({ id }) => id === networkId);
    if (!network) {
      throw new Refused('precondition', `container ${container.containerId} is in network ${networkId}, which this node does not know yet`);
    }
    const mtu = Math.min(network.mtu ?? meshMtu, meshMtu);
    return { name: `eth${i}`, meshName: meshLinkName(container.containerId, i), address, mac: (i === 0 && container.macAddress) || containerMac(address), network, mtu };
  });
}

/** Links of containers begin with `c` in the mesh: the rules know them by that. */
function meshLinkName(containerId: string, index: number): string {
  return `c${createHash('sha256').update(containerId).digest('hex').slice(0, 10)}.${index}`;
}

/** Makes the namespace with all its links, and the mesh's half of them. All of it or nothing. */
export function makeContainerNamespace(path: string, links: readonly ContainerLink[], mesh: Mesh): void {
  makeNamespace(path, () => {
    setSysctls({
      'ipv4/ip_unprivileged_port_start': '0',
      'ipv4/ping_group_range': '0 2147483647',
      'ipv4/conf/all/route_localnet': '1', // answers of the nameserver come from outside
      'ipv4/conf/all/rp_filter': '0',
      'ipv4/conf/default/rp_filter': '0',
      'ipv6/conf/default/disable_ipv6': '1',
    });
    const container = new Netlink();
    try {
      container.request([route.setLinkUp(route.linkNamed(container, 'lo').index)]);
      for (const [i, link] of links.entries()) makeLink(container, mesh, link, i === 0);
    } finally {
      container.close();
    }
  });
}

function makeLink(container: Netlink, mesh: Mesh, link: ContainerLink, isFirst: boolean): void {
  const near = { name: link.name, mtu: link.mtu, mac: link.mac };
  const far = { name: link.meshName, mtu: link.mtu, mac: gatewayMac, namespaceFd: mesh.namespaceFd };
  try {
    container.request([route.addVeth(near, far)]);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const leaving = route.findLink(mesh.mesh, link.meshName); // of a namespace that is on its way out, and may have left by now
    if (leaving) mesh.mesh.request([route.deleteLink(leaving.index)]);
    container.request([route.addVeth(near, far)]);
  }
  container.request(insideMessages(route.linkNamed(container, link.name).index, link, isFirst));
  const meshIndex = route.linkNamed(mesh.mesh, link.meshName).index;
  mesh.mesh.request([
    route.setLinkUp(meshIndex),
    route.replaceRoute({ destination: { address: link.address, length: 32 }, table: mainRouteTable, type: 'unicast', linkIndex: meshIndex }),
    route.replaceNeighbour(meshIndex, link.address, link.mac),
  ]);
}

/** The container asks nobody for a way: everything goes to the gateway, whose hardware address it knows. */
function insideMessages(linkIndex: number, link: ContainerLink, isFirst: boolean): NetlinkMessage[] {
  const { address, network } = link;
  const { gateway } = network;
  const subnet = parsePrefix(network.subnet);
  const through = (destination: string, table: number): NetlinkMessage =>
    route.replaceRoute({ destination: parsePrefix(destination), table, type: 'unicast', via: gateway, source: address, linkIndex });
  return [
    route.setLinkUp(linkIndex),
    route.addAddress(linkIndex, { address, length: subnet.length }, true),
    route.replaceNeighbour(linkIndex, gateway, gatewayMac),
    route.replaceRoute({ destination: parsePrefix(gateway), table: mainRouteTable, type: 'unicast', source: address, linkIndex }),
    through(network.subnet, mainRouteTable),
    ...(isFirst ? [through('0.0.0.0/0', mainRouteTable), through(nameserverAddress, route.localTable)] : []),
  ];
}
