import { join } from 'node:path';
import { closeSync } from 'node:fs';
import type { AssignedNetwork } from '../../model/src/index.js';
import { containerLinks, makeLink, meshMessages } from './container-link.js';
import type { ContainerLink } from './container-link.js';
import type { Drift } from './drift.js';
import { readNeighbours, readRoutes } from './kernel-state.js';
import { namespaceFolder } from './mesh.js';
import type { Mesh } from './mesh.js';
import { inNamespace, openNamespace } from './namespaces.js';
import { Netlink } from './netlink.js';
import type { LocalContainer, NodeNetworkOptions } from './network.js';
import * as route from './rtnetlink.js';

export interface ContainerDrift extends Drift {
  repair(): void;
}

/**
 * What of the containers' links is not as it was made, as far as the mesh's end shows it. A container may do in its own namespace what it likes;
 * but when the pair of links is gone, both ends are made again, with the same addresses, so that connections go on.
 */
export function containerDrift(containers: readonly LocalContainer[], networks: readonly AssignedNetwork[], mesh: Mesh, options: NodeNetworkOptions): ContainerDrift[] {
  const links = new Map(route.listLinks(mesh.mesh).map((link) => [link.name, link]));
  const routes = new Set(readRoutes(mesh.mesh).map((found) => `${found.destination.address} ${found.linkIndex}`));
  const neighbours = new Set(readNeighbours(mesh.mesh).map(({ address, mac, link }) => `${address} ${mac} ${link}`));
  return containers.flatMap((container) =>
    containerLinks(container, networks, mesh.mtu).flatMap((wanted): ContainerDrift[] => {
      const found = links.get(wanted.meshName);
      const what = `${wanted.name} of container ${container.containerId}`;
      if (!found) return [{ kind: 'container', what, repair: () => remake(container.containerId, wanted, mesh, options) }];
      const down: ContainerDrift[] = found.isUp ? [] : [{ kind: 'container', what: `${what} is down`, repair: () => mesh.mesh.request([route.setLinkUp(found.index)]) }];
      const lost = wanted.addresses.filter(({ address }) => !found.isUp || !routes.has(`${address} ${found.index}`) || !neighbours.has(`${address} ${wanted.mac} ${found.index}`));
      const ways = lost.map(({ address }): ContainerDrift => ({ kind: 'container', what: `the way to ${address}, ${what}`, repair: () => mesh.mesh.request(meshMessages(found.index, address, wanted.mac)) }));
      return [...down, ...ways];
    }),
  );
}

function remake(containerId: string, link: ContainerLink, mesh: Mesh, options: NodeNetworkOptions): void {
  const namespaceFd = openNamespace(join(namespaceFolder(options), containerId));
  try {
    inNamespace(namespaceFd, () => {
      const container = new Netlink();
      try {
        makeLink(container, mesh, link);
      } finally {
        container.close();
      }
    });
  } finally {
    closeSync(namespaceFd);
  }
}
