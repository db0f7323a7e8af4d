import type { Bell } from '../../base/src/index.js';
import type { AssignedNetwork, AssignedPeer, AssignedService, EncryptionKey, NetworkNotice, PortConfig, PeerProbe, PortTraffic, Protocol, TaskNetwork } from '../../model/src/index.js';
import type { DriftKind } from './drift.js';

/** Everything one node's network depends on. A value: the whole of it, every time. */
export interface NodeNetworkView {
  self: { nodeId: string; index: number };
  peers: readonly AssignedPeer[];
  networks: readonly AssignedNetwork[];
  services: readonly AssignedService[];
  /** Containers on this node that are attached or about to be. */
  containers: readonly LocalContainer[];
  /** Processes of this host listen there: what services publish at these ports does not answer here. */
  heldPorts?: readonly ClaimedPort[];
}

export interface ClaimedPort {
  protocol: Protocol;
  port: number;
}

export interface LocalContainer {
  containerId: string;
  taskId: string;
  /** Its published ports are open here before any node has heard that it is ready: another may hear it first. Absent: of no service. */
  serviceId?: string;
  /** First one carries the default route. Empty: loopback only. */
  networks: readonly TaskNetwork[];
  /** Ports of `mode: host`. */
  hostPorts: readonly (PortConfig & { traffic?: PortTraffic })[];
  /** Who is asked for names outside of the cluster; absent: those of the node. */
  nameservers?: readonly string[];
  /** Of its first interface, unless its network says another; absent: made from the address. */
  macAddress?: string;
}

/** What a container gets from being attached. */
export interface Attachment {
  /** File that holds its network namespace (nsfs bind mount). */
  netnsPath: string;
  /** Nameserver to put into its resolv.conf. Empty when it has no network. */
  nameserver: string;
  mtu: number;
}

/** The network of one node. */
export interface NodeNetwork {
  /**
   * Makes the kernel agree with the view: devices, routes, neighbours, forwarding entries, rules, DNS answers.
   * Level-triggered: what the view no longer has goes away. Calls are serialised; a newer view replaces a waiting one.
   */
  apply(view: NodeNetworkView, signal: AbortSignal): Promise<void>;

  /** Makes the container's namespace with its interfaces. Idempotent: an existing one is adopted. */
  attach(container: LocalContainer, networks: readonly AssignedNetwork[], signal: AbortSignal): Promise<Attachment>;

  /** Removes the namespace and with it its interfaces. Succeeds when it is already gone. */
  detach(containerId: string): Promise<void>;

  /** Ids of the containers that have a namespace now: what an agent finds after a restart. */
  attached(): Promise<string[]>;

  /** Public keys under which other nodes reach this one's encrypted networks, the newest last. None: this host cannot encrypt. */
  encryptionKeys(): EncryptionKey[];

  /** Rings when `encryptionKeys` answers otherwise than before. */
  readonly keysChanged: Bell;

  /** What people should know of it. */
  notice(): NetworkNotice;

  /** Rings when `notice` answers otherwise than before. */
  readonly noticed: Bell;

  /** What this process found and did so far. */
  state(): NetworkState;

  /** Tries the way to every other node of the view. */
  probe(signal: AbortSignal): Promise<PeerProbe[]>;

  /** Stops answering DNS and releases this process' handles. Links, rules and namespaces stay: containers outlive us. */
  close(): Promise<void>;

  /** Removes everything that this node's network ever made. */
  destroy(): Promise<void>;
}

export interface NetworkState {
  /** By kind, how many things others had changed, and were put back. */
  drift: Readonly<Record<DriftKind, number>>;
  /** How many looks that took. */
  looks: number;
  /** Longest packet of a container, in bytes. */
  mtu: number;
}

export interface NodeNetworkOptions {
  /** Prefix of names in the kernel; two nodes in one network namespace would need different ones. */
  name: string;
  stateDir: string;
  dataPathAddress: string;
  dataPathPort: number;
  /** Nameservers for names that are not the cluster's. Empty: such names are answered with SERVFAIL at once. */
  upstreamDns: readonly string[];
  /** How old a key of encryption becomes before it is replaced; a day unless said. Its successor gets a minute to be taken up, or a quarter of this. */
  keyLifetimeMs?: number;
}
