import type { Drift } from './drift.js';
import { hostLinkName } from './host-rules.js';
import { meshTableName } from './mesh-rules.js';
import type { Mesh } from './mesh.js';
import { inNamespace } from './namespaces.js';
import type { NodeNetworkOptions } from './network.js';
import type { Nft } from './nft.js';
import { RouteWatch } from './route-watch.js';
import { findLink } from './rtnetlink.js';

/** What others may have changed. */
export interface Suspicion {
  /** Anything of links, addresses, routes, neighbours, forwarding entries, rules. */
  links: boolean;
  meshRules: boolean;
  hostRules: boolean;
  /** The host's chain that others' firewalls use. */
  hostFilter: boolean;
  /** Of our tables, as far as it was told. */
  drift: Drift[];
}

/** Hears what others change in the node's network, in the mesh and around its link in the host's namespace. */
export class ChangeWatch {
  readonly #watches: RouteWatch[];
  #suspicion = nothing();

  constructor(
    mesh: Mesh,
    private readonly hostRules: Nft,
    private readonly meshRules: Nft,
    private readonly options: NodeNetworkOptions,
  ) {
    let hostLink: number | undefined;
    // A link that is gone is asked for once more only after the news of its going was heard.
    const linkIndex = () => (hostLink ??= findLink(mesh.host, hostLinkName(options.name))?.index);
    this.#watches = [
      inNamespace(mesh.namespaceFd, () => new RouteWatch(mesh.mesh)),
      new RouteWatch(mesh.host, linkIndex, () => (hostLink = undefined)),
    ];
  }

  /** Whether there is anything to suspect. Costs some microseconds. */
  hear(): boolean {
    const { name } = this.options;
    const suspicion = this.#suspicion;
    for (const watch of this.#watches) if (watch.takeHint()) suspicion.links = true;
    const inMesh = this.meshRules.takeTouches();
    const inHost = this.hostRules.takeTouches();
    if (!inMesh || inMesh.has(meshTableName)) suspicion.meshRules = true;
    if (!inHost || inHost.has(name)) suspicion.hostRules = true;
    if (!inHost || [...inHost.keys()].some((table) => table !== name && table !== `${name}_user`)) suspicion.hostFilter = true;
    for (const [table, touches] of [[meshTableName, inMesh], [name, inHost]] as const) {
      for (const [object, count] of touches?.get(table) ?? []) suspicion.drift.push({ kind: 'firewall', what: `${count} ${object}${count > 1 ? 's' : ''} of table ${table}` });
    }
    return suspicion.links || suspicion.meshRules || suspicion.hostRules || suspicion.hostFilter;
  }

  /** Has the next look go over everything. */
  suspectLinks(): void {
    this.#suspicion.links = true;
  }

  /** All that was heard since the last call. Without `links`, what concerns them is kept for a later one. */
  take(links: boolean): Suspicion {
    this.hear();
    const heard = this.#suspicion;
    this.#suspicion = { ...nothing(), links: heard.links && !links };
    return { ...heard, links: heard.links && links };
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}

function nothing(): Suspicion {
  return { links: false, meshRules: false, hostRules: false, hostFilter: false, drift: [] };
}
