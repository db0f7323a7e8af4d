import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Bug, describeError, KeyedSequencer, Lifetime, systemClock, systemRandom } from '../../base/src/index.js';
import type { Clock, Random, Trace } from '../../base/src/index.js';
import type { AssignedNetwork } from '../../model/src/index.js';
import { nameserverAddress } from './addresses.js';
import { forgetConnections } from './conntrack.js';
import { containerLinks, makeContainerNamespace } from './container-link.js';
import { diffPlan } from './diff.js';
import type { Applied, NetworkChange } from './diff.js';
import type { DnsNames } from './dns-names.js';
import { responder } from './dns-responder.js';
import { bindNameserver, closeNameserver, serveNames } from './dns-server.js';
import type { NameserverSockets } from './dns-server.js';
import { configuredUpstream } from './dns-upstream.js';
import { closingOfForwardFilter, openingOfForwardFilter } from './host-filter.js';
import { hostLinkName } from './host-rules.js';
import { mainRouteTable } from './kernel-item.js';
import type { KernelItem } from './kernel-item.js';
import { additionOf, readItems, readLocalAddresses, removalOf } from './kernel-state.js';
import type { MeshLinks } from './kernel-state.js';
import { closeMesh, containerNamespaces, ensureMeshLinks, namespaceFolder, openMesh, removeMesh } from './mesh.js';
import type { Mesh } from './mesh.js';
import { removeNamespace } from './namespaces.js';
import type { Attachment, LocalContainer, NodeNetwork, NodeNetworkOptions, NodeNetworkView } from './network.js';
import { openNft } from './nft.js';
import type { Nft } from './nft.js';
import { renderRemoval } from './nft-table.js';
import { planNode } from './node-plan.js';
import type { NodePlan } from './node-plan.js';

export type NetworkEvent =
  | { event: 'network-changed'; added: number; removed: number; rulesChanged: boolean; goneEndpoints: number }
  | { event: 'network-names-failed'; error: string };

export type LinuxNetworkOptions = NodeNetworkOptions & { trace?: Trace<NetworkEvent>; random?: Random; clock?: Clock };

/**
 * Opens this node's network, making or adopting its mesh.
 *
 * `Refused` when the data path address is not this host's; `Temporary` when another process still serves its names.
 */
export async function openNodeNetwork(options: LinuxNetworkOptions): Promise<NodeNetwork> {
  const mesh = openMesh(options);
  try {
    return new LinuxNodeNetwork(options, mesh, bindNameserver(mesh.namespaceFd));
  } catch (error) {
    closeMesh(mesh);
    throw error;
  }
}

class LinuxNodeNetwork implements NodeNetwork {
  readonly #options: LinuxNetworkOptions;
  readonly #mesh: Mesh;
  readonly #hostRules: Nft;
  readonly #meshRules: Nft;
  readonly #nameserver: NameserverSockets;
  readonly #lifetime = new Lifetime();
  readonly #sequencer = new KeyedSequencer();
  #latest: { view: NodeNetworkView } | undefined;
  #done: { view: NodeNetworkView } | undefined;
  /** The plan that was carried out last. */
  #plan: NodePlan | undefined;
  /** Both tables hold that plan's rules, as far as we know. */
  #rulesStand = false;
  /** Absent until the first view: questions wait in their socket rather than be told that a name does not exist. */
  #names: DnsNames | undefined;

  constructor(options: LinuxNetworkOptions, mesh: Mesh, nameserver: NameserverSockets) {
    this.#options = options;
    this.#mesh = this.#lifetime.own(mesh, closeMesh);
    this.#hostRules = this.#lifetime.own(openNft(), (nft) => nft.close());
    this.#meshRules = this.#lifetime.own(openNft(mesh.namespaceFd), (nft) => nft.close());
    this.#nameserver = this.#lifetime.own(nameserver, (sockets) => this.#names ?? closeNameserver(sockets));
  }

  async apply(view: NodeNetworkView, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#latest = { view };
    await this.#sequencer.run('apply', async () => {
      const wanted = this.#latest!;
      if (wanted === this.#done) return; // an earlier call has already taken the newest view
      signal.throwIfAborted();
      this.#checkOpen();
      await this.#make(wanted.view);
      this.#done = wanted;
    });
  }

  async attach(container: LocalContainer, networks: readonly AssignedNetwork[], signal: AbortSignal): Promise<Attachment> {
    signal.throwIfAborted();
    this.#checkOpen();
    const links = containerLinks(container, networks, this.#mesh.mtu);
    const netnsPath = join(namespaceFolder(this.#options), container.containerId);
    if (!containerNamespaces(this.#options).includes(container.containerId)) makeContainerNamespace(netnsPath, links, this.#mesh);
    return { netnsPath, nameserver: links.length > 0 ? nameserverAddress : '', mtu: links[0]?.mtu ?? this.#mesh.mtu };
  }

  async detach(containerId: string): Promise<void> {
    removeNamespace(join(namespaceFolder(this.#options), containerId));
  }

  async attached(): Promise<string[]> {
    return containerNamespaces(this.#options);
  }

  close(): Promise<void> {
    return this.#sequencer.run('apply', () => this.#lifetime.end());
  }

  async destroy(): Promise<void> {
    this.#checkOpen();
    for (const id of containerNamespaces(this.#options)) removeNamespace(join(namespaceFolder(this.#options), id));
    await this.#sequencer.run('apply', async () => {
      await this.#hostRules.run(await closingOfForwardFilter(hostLinkName(this.#options.name)));
      await this.#hostRules.run(renderRemoval(this.#options.name));
      removeMesh(this.#mesh, this.#options);
      rmSync(namespaceFolder(this.#options), { recursive: true, force: true });
    });
    await this.close();
  }

  #checkOpen(): void {
    if (this.#lifetime.signal.aborted) throw new Bug('the node network is used after it was closed');
  }

  async #make(view: NodeNetworkView): Promise<void> {
    const plan = planNode(view, this.#options);
    const links = ensureMeshLinks(this.#mesh, this.#options);
    const found = this.#found(links, plan);
    const change = diffPlan(found, plan);
    this.#rulesStand = false;
    if (!found.host) await this.#hostRules.run(await openingOfForwardFilter(hostLinkName(this.#options.name)));
    await this.#execute(change, links, () => this.#serve(plan.names));
    this.#rulesStand = true;
    this.#plan = plan;
    this.#options.trace?.({
      event: 'network-changed',
      added: change.add.length,
      removed: change.remove.length,
      rulesChanged: change.meshRules !== '' || change.hostRules !== '',
      goneEndpoints: change.goneAddresses.length,
    });
  }

  /**
   * What is there, as the kernel tells it: what somebody else changed is repaired by the next call. Rules are not read
   * back: where anybody but us changed some, or a transaction failed, ours are laid anew, which disturbs no connection.
   */
  #found(links: MeshLinks, wanted: NodePlan): Applied {
    const items = readItems(this.#mesh.mesh, links);
    const plan = this.#plan;
    const isAdopted = items.some((item) => item.kind === 'rule');
    return {
      items,
      mesh: this.#rulesStand && !this.#meshRules.wasTouched() ? plan?.mesh : undefined,
      host: this.#rulesStand && !this.#hostRules.wasTouched() ? plan?.host : undefined,
      endpointAddresses: plan?.endpointAddresses ?? routedAddresses(items, this.#mesh),
      datagramPorts: plan?.datagramPorts ?? (isAdopted ? wanted.datagramPorts : new Set()), // flows of an adopted mesh go on
    };
  }

  async #serve(names: DnsNames): Promise<void> {
    const isFirst = this.#names === undefined;
    this.#names = names;
    if (!isFirst) return;
    const { upstreamDns, random = systemRandom, clock = systemClock, trace } = this.#options;
    const upstream = upstreamDns.length > 0 ? configuredUpstream(upstreamDns, { random, clock, signal: this.#lifetime.signal }) : undefined;
    const respond = responder(() => this.#names!, upstream, random);
    await serveNames(this.#nameserver, respond, this.#lifetime, (error) => trace?.({ event: 'network-names-failed', error: describeError(error) }));
  }

  /** New ways, then the rules that use them, then the names; only then what is no longer wanted goes. */
  async #execute(change: NetworkChange, links: MeshLinks, giveNames: () => Promise<void>): Promise<void> {
    const { mesh, namespaceFd } = this.#mesh;
    mesh.request(change.add.map((item) => additionOf(item, links)));
    await this.#meshRules.run(change.meshRules);
    await this.#hostRules.run(change.hostRules);
    await giveNames();
    mesh.request(change.remove.flatMap((item) => removalOf(item, links) ?? []));
    const ofPorts = change.newDatagramPorts.map((datagramPort) => ({ datagramPort }));
    forgetConnections([...change.goneAddresses.map((endpoint) => ({ endpoint })), ...ofPorts], namespaceFd);
    forgetConnections(ofPorts);
  }
}

/** Endpoints that an earlier process knew: it may have ended before it could reset the connections of one that is gone. */
function routedAddresses(items: readonly KernelItem[], mesh: Mesh): Set<string> {
  const remote = items.flatMap((item) => (item.kind === 'route' && item.via && item.table === mainRouteTable ? [item.destination.replace(/\/.*/, '')] : []));
  return new Set([...remote, ...readLocalAddresses(mesh.mesh)]);
}
