import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, KeyedSequencer, Lifetime, systemClock, systemRandom } from '../../base/src/index.js';
import type { Clock, Random, Trace } from '../../base/src/index.js';
import type { AssignedNetwork } from '../../model/src/index.js';
import { nameserverAddress } from './addresses.js';
import { forgetConnections } from './commands.js';
import { containerLinks, makeContainerNamespace } from './container-link.js';
import { diffPlan } from './diff.js';
import type { Applied, NetworkChange } from './diff.js';
import type { DnsNames } from './dns-names.js';
import { responder } from './dns-responder.js';
import { serveDns } from './dns-server.js';
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
  const network = new LinuxNodeNetwork(options, openMesh(options));
  try {
    await network.start();
    return network;
  } catch (error) {
    await network.close();
    throw error;
  }
}

class LinuxNodeNetwork implements NodeNetwork {
  readonly #options: LinuxNetworkOptions;
  readonly #mesh: Mesh;
  readonly #hostRules: Nft;
  readonly #meshRules: Nft;
  readonly #sequencer = new KeyedSequencer();
  #names: DnsNames = { networksOf: new Map(), networks: new Map() };
  readonly #dns = new Lifetime();
  #latest: { view: NodeNetworkView } | undefined;
  #done: { view: NodeNetworkView } | undefined;
  /** The plan that was carried out last. */
  #plan: NodePlan | undefined;
  /** Both tables hold that plan's rules, as far as we know. */
  #rulesStand = false;
  #closed = false;

  constructor(options: LinuxNetworkOptions, mesh: Mesh) {
    this.#options = options;
    this.#mesh = mesh;
    this.#hostRules = openNft();
    this.#meshRules = openNft(mesh.namespaceFd);
  }

  async start(): Promise<void> {
    const { upstreamDns, random = systemRandom, clock = systemClock, trace } = this.#options;
    const tools = { random, clock, signal: this.#dns.signal };
    const upstream = upstreamDns.length > 0 ? configuredUpstream(upstreamDns, tools) : undefined;
    const respond = responder(() => this.#names, upstream, random);
    await serveDns(this.#mesh.namespaceFd, respond, this.#dns, (error) => trace?.({ event: 'network-names-failed', error: describeError(error) }));
  }

  async apply(view: NodeNetworkView, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#latest = { view };
    await this.#sequencer.run('apply', async () => {
      const wanted = this.#latest!;
      if (wanted === this.#done) return; // an earlier call has already taken the newest view
      signal.throwIfAborted();
      await this.#make(wanted.view);
      this.#done = wanted;
    });
  }

  async attach(container: LocalContainer, networks: readonly AssignedNetwork[], signal: AbortSignal): Promise<Attachment> {
    signal.throwIfAborted();
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

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sequencer.run('apply', async () => {
      await this.#dns.end();
      this.#hostRules.close();
      this.#meshRules.close();
      closeMesh(this.#mesh);
    });
  }

  async destroy(): Promise<void> {
    for (const id of containerNamespaces(this.#options)) removeNamespace(join(namespaceFolder(this.#options), id));
    await this.#sequencer.run('apply', async () => {
      await this.#hostRules.run(await closingOfForwardFilter(hostLinkName(this.#options.name)));
      await this.#hostRules.run(renderRemoval(this.#options.name));
      removeMesh(this.#mesh, this.#options);
      for (const path of [namespaceFolder(this.#options), this.#forgetFile]) rmSync(path, { recursive: true, force: true });
    });
    await this.close();
  }

  get #forgetFile(): string {
    return join(this.#options.stateDir, 'connections-to-forget');
  }

  async #make(view: NodeNetworkView): Promise<void> {
    const plan = planNode(view, this.#options);
    const links = ensureMeshLinks(this.#mesh, this.#options);
    const found = this.#found(links);
    const change = diffPlan(found, plan);
    this.#rulesStand = false;
    if (!found.host) await this.#hostRules.run(await openingOfForwardFilter(hostLinkName(this.#options.name)));
    await this.#execute(change, links, () => (this.#names = plan.names));
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
  #found(links: MeshLinks): Applied {
    const items = readItems(this.#mesh.mesh, links);
    const plan = this.#plan;
    return {
      items,
      mesh: this.#rulesStand && !this.#meshRules.wasTouched() ? plan?.mesh : undefined,
      host: this.#rulesStand && !this.#hostRules.wasTouched() ? plan?.host : undefined,
      endpointAddresses: plan?.endpointAddresses ?? routedAddresses(items, this.#mesh),
      datagramPorts: plan?.datagramPorts ?? new Set(),
    };
  }

  /** New ways, then the rules that use them, then the names; only then what is no longer wanted goes. */
  async #execute(change: NetworkChange, links: MeshLinks, nameEndpoints: () => void): Promise<void> {
    const { mesh, namespaceFd } = this.#mesh;
    mesh.request(change.add.map((item) => additionOf(item, links)));
    await this.#meshRules.run(change.meshRules);
    await this.#hostRules.run(change.hostRules);
    nameEndpoints();
    mesh.request(change.remove.flatMap((item) => removalOf(item, links) ?? []));
    const ofPorts = change.newDatagramPorts.map((port) => `-p udp --orig-port-dst ${port}`);
    const file = this.#forgetFile;
    await forgetConnections([...change.goneAddresses.map((address) => `--reply-src ${address}`), ...ofPorts], file, namespaceFd);
    await forgetConnections(ofPorts, file);
  }
}

/** Endpoints that an earlier process knew: it may have ended before it could reset the connections of one that is gone. */
function routedAddresses(items: readonly KernelItem[], mesh: Mesh): Set<string> {
  const remote = items.flatMap((item) => (item.kind === 'route' && item.via && item.table === mainRouteTable ? [item.destination.replace('/32', '')] : []));
  return new Set([...remote, ...readLocalAddresses(mesh.mesh)]);
}
