import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Bell, Bug, describeError, KeyedSequencer, Lifetime, Refused, systemClock, systemRandom } from '../../base/src/index.js';
import type { Clock, Random, Trace } from '../../base/src/index.js';
import type { AssignedNetwork, EncryptionKey, NetworkNotice, PeerProbe } from '../../model/src/index.js';
import { nameserverAddress } from './addresses.js';
import { forgetConnections } from './conntrack.js';
import { audit } from './audit.js';
import { ChangeWatch } from './change-watch.js';
import { containerDrift } from './container-drift.js';
import { containerLinks, makeContainerNamespace } from './container-link.js';
import { hostUserHooks, meshUserHooks, removalOfUserHooks } from './user-hooks.js';
import { diffPlan } from './diff.js';
import type { Applied, NetworkChange } from './diff.js';
import { itemDrift, noDrift } from './drift.js';
import type { Drift } from './drift.js';
import type { DnsNames } from './dns-names.js';
import { responder } from './dns-responder.js';
import { bindNameserver, closeNameserver, serveNames } from './dns-server.js';
import type { NameserverSockets } from './dns-server.js';
import { upstreams } from './dns-upstream.js';
import { Encryption, type EncryptionEvent } from './encryption.js';
import { closingOfForwardFilter, openingOfForwardFilter } from './host-filter.js';
import type { EncryptionState } from './encryption-state.js';
import { hostLinkName } from './host-rules.js';
import { mainRouteTable } from './kernel-item.js';
import type { KernelItem } from './kernel-item.js';
import { additionOf, readItems, readLocalAddresses, removalOf } from './kernel-state.js';
import type { MeshLinks } from './kernel-state.js';
import { closeMesh, containerNamespaces, ensureMeshLinks, meshLinks, namespaceFolder, openMesh, removeMesh } from './mesh.js';
import type { Mesh } from './mesh.js';
import { linkDrift, restoreSysctls } from './mesh-drift.js';
import { hasNamespace, removeNamespace, removeNamespaceLater } from './namespaces.js';
import type { Attachment, LocalContainer, NetworkState, NodeNetwork, NodeNetworkOptions, NodeNetworkView } from './network.js';
import { openNft } from './nft.js';
import type { Nft } from './nft.js';
import { renderRemoval } from './nft-table.js';
import { probePeers } from './probe.js';
import { LoopbackRelay, loopbackPorts } from './loopback-relay.js';
import { PortClaims, refuseHeldPorts } from './port-holders.js';
import { planNode, planServices } from './node-plan.js';
import type { NodePlan } from './node-plan.js';
import { changeNames, ViewDifferences } from './view-difference.js';

export type NetworkEvent =
  | { event: 'network-changed'; added: number; removed: number; rulesChanged: boolean; goneEndpoints: number }
  | { event: 'network-names-failed' | 'network-again-failed' | 'network-audit-failed'; error: string }
  /** Others had changed what is ours, and it was put back. `what` names the first few. */
  | { event: 'network-drift'; count: number; what: string[] }
  /** A process of the host listens where a service wants to be published: the port stays the process'. */
  | { event: 'network-port-taken'; port: string; holder: string }
  | EncryptionEvent;

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

const namedDrifts = 10;
/** So many are looked at in no time. */
const fewContainers = 50;
const restPerLook = 20;

class LinuxNodeNetwork implements NodeNetwork {
  readonly #options: LinuxNetworkOptions;
  readonly #mesh: Mesh;
  readonly #hostRules: Nft;
  readonly #meshRules: Nft;
  readonly #nameserver: NameserverSockets;
  readonly #lifetime = new Lifetime();
  readonly #sequencer = new KeyedSequencer();
  readonly #encryption: Encryption;
  #latest: { view: NodeNetworkView } | undefined;
  #done: { view: NodeNetworkView } | undefined;
  /** What was carried out last. */
  #made: Made | undefined;
  /** The devices that it was carried out with. */
  #links: MeshLinks | undefined;
  /** What of it is known to be in the kernel, but for what others have done since. */
  #stands: Standing = nothingStands;
  readonly #differences = new ViewDifferences();
  readonly #claims: PortClaims;
  readonly #relay: LoopbackRelay;
  readonly #watch: ChangeWatch;
  readonly #drift = noDrift();
  #notice: NetworkNotice = { takenPorts: [], drift: 0, lastDrift: [] };
  readonly noticed = new Bell();
  #looks = 0;
  /** At all links and the containers'. */
  #lastLook: { endedMs: number; tookMs: number } | undefined;
  /** Absent until the first view: questions wait in their socket rather than be told that a name does not exist. */
  #names: DnsNames | undefined;

  constructor(options: LinuxNetworkOptions, mesh: Mesh, nameserver: NameserverSockets) {
    this.#options = options;
    this.#mesh = this.#lifetime.own(mesh, closeMesh);
    this.#hostRules = this.#lifetime.own(openNft(), (nft) => nft.close());
    this.#meshRules = this.#lifetime.own(openNft(mesh.namespaceFd), (nft) => nft.close());
    const encryption = new Encryption({ ...options, clock: options.clock ?? systemClock }, mesh, () => this.#again());
    this.#encryption = this.#lifetime.own(encryption, (it) => it.close());
    const taken = (port: string, holder: string) => options.trace?.({ event: 'network-port-taken', port, holder });
    this.#claims = new PortClaims(({ protocol, port, holder }) => taken(`${port}/${protocol}`, holder));
    this.#relay = this.#lifetime.own(new LoopbackRelay(({ protocol, port }, error) => taken(`[::1]:${port}/${protocol}`, describeError(error))), (it) => it.close());
    this.#nameserver = this.#lifetime.own(nameserver, (sockets) => this.#names ?? closeNameserver(sockets));
    this.#watch = this.#lifetime.own(new ChangeWatch(mesh, this.#hostRules, this.#meshRules, options), (watch) => watch.close());
    void audit({
      clock: options.clock ?? systemClock,
      signal: this.#lifetime.signal,
      restoreSettings: () => this.#done && this.#report(restoreSysctls(mesh, options)),
      isSuspect: () => this.#watch.hear(),
      look: (atEverything) => this.#look(atEverything),
      failed: (error) => options.trace?.({ event: 'network-audit-failed', error: describeError(error) }),
    });
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
    const sealed = networks.find(({ id, encrypted }) => encrypted && container.networks.some(({ networkId }) => networkId === id));
    const obstacle = sealed && this.#encryption.obstacle;
    if (obstacle) throw new Refused('precondition', `network ${sealed.name} is encrypted, and ${obstacle}`);
    const links = containerLinks(container, networks, this.#mesh.mtu);
    const netnsPath = join(namespaceFolder(this.#options), container.containerId);
    if (!hasNamespace(netnsPath)) {
      refuseHeldPorts(container);
      makeContainerNamespace(netnsPath, links, this.#mesh);
    }
    return { netnsPath, nameserver: links.length > 0 ? nameserverAddress : '', mtu: links[0]?.mtu ?? this.#mesh.mtu };
  }

  async detach(containerId: string): Promise<void> {
    await removeNamespaceLater(join(namespaceFolder(this.#options), containerId));
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
      this.#done = undefined;
      await this.#hostRules.run(await closingOfForwardFilter(hostLinkName(this.#options.name), this.#options.name));
      await this.#hostRules.run(await removalOfUserHooks(this.#options.name));
      await this.#hostRules.run(renderRemoval(this.#options.name));
      await this.#encryption.destroy();
      removeMesh(this.#mesh, this.#options);
      rmSync(namespaceFolder(this.#options), { recursive: true, force: true });
    });
    await this.close();
  }

  state(): NetworkState {
    return { drift: { ...this.#drift }, looks: this.#looks, mtu: this.#mesh.mtu };
  }

  async probe(signal: AbortSignal): Promise<PeerProbe[]> {
    this.#checkOpen();
    const view = this.#done?.view;
    const others = view?.peers.filter(({ nodeId }) => nodeId !== view.self.nodeId) ?? [];
    const { clock = systemClock, random = systemRandom } = this.#options;
    return probePeers(this.#mesh, others, { clock, random, signal: AbortSignal.any([signal, this.#lifetime.signal]) });
  }

  encryptionKeys(): EncryptionKey[] {
    return this.#encryption.keys();
  }

  notice(): NetworkNotice {
    return this.#notice;
  }

  get keysChanged(): Bell {
    return this.#encryption.keysChanged;
  }

  /** Carries out the newest view once more: something that it rests on has changed. */
  #again(): void {
    if (this.#lifetime.signal.aborted) return;
    this.#sequencer
      .run('apply', async () => {
        if (this.#done && !this.#lifetime.signal.aborted) await this.#make(this.#done.view);
      })
      .catch((error: unknown) => this.#options.trace?.({ event: 'network-again-failed', error: describeError(error) })); // the next look tries again
  }

  #checkOpen(): void {
    if (this.#lifetime.signal.aborted) throw new Bug('the node network is used after it was closed');
  }

  /** Carries out a view. What others have changed since the last time is put back by it, and counted. */
  async #make(wanted: NodeNetworkView): Promise<void> {
    const view = this.#claims.claim(wanted);
    this.#note({ ...this.#notice, takenPorts: this.#claims.heldByOthers });
    const startedMs = this.#clock.monotonicMs();
    const heard = this.#watch.take(this.#mayLookAtLinks(view));
    const [before, stood] = [this.#made, this.#stands];
    const drift = before ? heard.drift : [];
    const ofLinks = stood.links && heard.links ? [...linkDrift(this.#mesh, this.#options), ...restoreSysctls(this.#mesh, this.#options)] : [];
    if (!stood.links || ofLinks.length > 0) ensureMeshLinks(this.#mesh, this.#options);
    drift.push(...ofLinks, ...(stood.links && heard.links ? this.#repairContainers(view) : []));
    const encryption = await this.#encryption.ensure(view);
    const mayHaveChanged = !before || !stood.links || heard.links || encryption || before.encryption;
    const links = this.#links && !mayHaveChanged ? this.#links : meshLinks(this.#mesh);
    const isKnown = before && stood.links && !heard.links && sameLinks(links, this.#links);
    const [meshStands, hostStands] = [stood.meshRules && !heard.meshRules, stood.hostRules && !heard.hostRules];
    const small = isKnown && meshStands && hostStands && sameEncryption(encryption, before.encryption) ? this.#differences.between(before.view, view) : undefined;

    const found = small && planServices(small.before, this.#options, encryption);
    const plan = small ? planServices(small.after, this.#options, encryption) : planNode(view, this.#options, encryption);
    let change: NetworkChange;
    if (found) {
      change = diffPlan(found, plan);
    } else {
      const items = isKnown ? before.plan().items : readItems(this.#mesh.mesh, links);
      if (before && stood.links && heard.links) drift.push(...itemDrift(before.plan().items, items));
      change = diffPlan(this.#found(items, plan, { meshRules: meshStands, hostRules: hostStands }), plan);
    }
    this.#stands = nothingStands;
    if (!hostStands || heard.hostFilter) await this.#hostRules.run(await openingOfForwardFilter(hostLinkName(this.#options.name), this.#options.name));
    if (!hostStands) await this.#hostRules.run(hostUserHooks(this.#options.name));
    if (!meshStands) await this.#meshRules.run(meshUserHooks);
    await this.#execute(change, links, () => this.#serve(found ? changeNames(this.#names!, found.names, plan.names) : plan.names));
    this.#stands = { links: true, meshRules: true, hostRules: true };
    const mayPublish = !small || before?.view.containers !== view.containers || [...small.before.services, ...small.after.services].some(({ ports }) => ports.length > 0);
    if (mayPublish) this.#relay.serve(loopbackPorts(view));
    this.#links = links;
    this.#made = { view, encryption, plan: small ? once(() => planNode(view, this.#options, encryption)) : () => plan };
    if (heard.links) this.#lastLook = { endedMs: this.#clock.monotonicMs(), tookMs: this.#clock.monotonicMs() - startedMs };
    this.#report(drift);
    this.#options.trace?.({
      event: 'network-changed',
      added: change.add.length,
      removed: change.remove.length,
      rulesChanged: change.meshRules !== '' || change.hostRules !== '',
      goneEndpoints: change.goneAddresses.length,
    });
  }

  /** Rules are not read back: where anybody but us changed some, or a transaction failed, ours are laid anew, which disturbs no connection. */
  #found(items: readonly KernelItem[], wanted: NodePlan, stands: { meshRules: boolean; hostRules: boolean }): Applied {
    const plan = this.#made?.plan();
    const isAdopted = items.some((item) => item.kind === 'rule');
    return {
      items,
      mesh: stands.meshRules ? plan?.mesh : undefined,
      host: stands.hostRules ? plan?.host : undefined,
      endpointAddresses: plan?.endpointAddresses ?? routedAddresses(items, this.#mesh),
      datagramPorts: plan?.datagramPorts ?? (isAdopted ? wanted.datagramPorts : new Set()), // flows of an adopted mesh go on
    };
  }

  async #look(atEverything: boolean): Promise<void> {
    await this.#sequencer.run('apply', async () => {
      if (this.#lifetime.signal.aborted || !this.#done) return;
      this.#looks++;
      if (atEverything) {
        this.#watch.suspectLinks();
        this.#lastLook = undefined;
      }
      await this.#make(this.#done.view);
    });
  }

  /** Each container that comes or goes is heard as a change of links. While many do, a look at all of them has to wait until it is a small part of the work. */
  #mayLookAtLinks({ containers }: NodeNetworkView): boolean {
    if (!this.#lastLook || containers.length <= fewContainers) return true;
    return this.#clock.monotonicMs() - this.#lastLook.endedMs >= restPerLook * this.#lastLook.tookMs;
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  #repairContainers({ containers, networks }: NodeNetworkView): Drift[] {
    const here = new Set(containerNamespaces(this.#options));
    const known = new Set(networks.map(({ id }) => id));
    const attached = containers.filter((container) => here.has(container.containerId) && container.networks.every(({ networkId }) => known.has(networkId)));
    const drift = containerDrift(attached, networks, this.#mesh, this.#options);
    for (const { repair } of drift) repair();
    return drift.map(({ kind, what }) => ({ kind, what }));
  }

  #report(drift: readonly Drift[]): void {
    if (drift.length === 0) return;
    for (const { kind } of drift) this.#drift[kind]++;
    const what = drift.slice(0, namedDrifts).map(({ kind, what }) => `${kind}: ${what}`);
    this.#options.trace?.({ event: 'network-drift', count: drift.length, what });
    this.#note({ ...this.#notice, drift: this.#notice.drift + drift.length, lastDrift: what });
  }

  #note(notice: NetworkNotice): void {
    if (JSON.stringify(notice) === JSON.stringify(this.#notice)) return;
    this.#notice = notice;
    this.noticed.ring();
  }

  async #serve(names: DnsNames): Promise<void> {
    const isFirst = this.#names === undefined;
    this.#names = names;
    if (!isFirst) return;
    const { upstreamDns, random = systemRandom, clock = systemClock, trace } = this.#options;
    const respond = responder(() => this.#names!, upstreams(upstreamDns, { random, clock, signal: this.#lifetime.signal }), random);
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

interface Made {
  view: NodeNetworkView;
  encryption: EncryptionState | undefined;
  /** Of the whole view. */
  plan: () => NodePlan;
}

interface Standing {
  links: boolean;
  meshRules: boolean;
  hostRules: boolean;
}

const nothingStands: Standing = { links: false, meshRules: false, hostRules: false };

function sameEncryption(one: EncryptionState | undefined, other: EncryptionState | undefined): boolean {
  const text = (state: EncryptionState | undefined) => state && JSON.stringify([state.slots, [...state.paths]]);
  return text(one) === text(other);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function sameLinks(one: MeshLinks, other: MeshLinks | undefined): boolean {
  return other !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

/** Endpoints that an earlier process knew: it may have ended before it could reset the connections of one that is gone. */
function routedAddresses(items: readonly KernelItem[], mesh: Mesh): Set<string> {
  const remote = items.flatMap((item) => (item.kind === 'route' && item.via && item.table === mainRouteTable ? [item.destination.replace(/\/.*/, '')] : []));
  return new Set([...remote, ...readLocalAddresses(mesh.mesh)]);
}
