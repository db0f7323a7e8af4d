import type { HostRoute } from './address-pools.js';
import type { TaskState } from './task-state.js';
import type { Labels, PortConfig, ServiceSpec, TaskTemplate } from './service.js';

/** A revision of the store: grows with every commit. 0 means "never stored". */
export type Revision = number;

/**
 * What every stored object has. `version` is the revision of its last change (Docker's `Version.Index`);
 * the store fills it in. Times are RFC 3339.
 */
export interface Stored {
  id: string;
  version: Revision;
  createdAt: string;
  updatedAt: string;
}

/** One object, id `cluster`: what is true for the whole cluster. */
export interface Cluster extends Stored {
  /** Random id of the cluster; agents obey no other. */
  clusterId: string;
  name: string;
  labels: Labels;
  /** Terminal tasks kept per slot (Swarm: 5). */
  taskHistoryLimit: number;
  heartbeatPeriodMs: number;
  /** Networks without a subnet of their own get one out of these: of `subnetBits` from IPv4 pools, a /64 from IPv6 ones. */
  addressPools: string[];
  subnetBits: number;
  /** UDP port of the VXLAN underlay. */
  dataPathPort: number;
  rootCaCertificate: string;
  /** sha256 of each role's join secret is enough to check one; the tokens themselves are kept to be shown again. */
  joinTokens: { worker: string; manager: string };
  /** Absent until a node has been connected. */
  status?: ClusterStatus;
}

export interface ClusterStatus {
  /** The networks of all nodes that live show the store as of this revision, or a later one: what was given up before it is forgotten. */
  agreedRevision: Revision;
}

export type NodeRole = 'worker' | 'manager';
export type Availability = 'active' | 'pause' | 'drain';

export interface NodeSpec {
  name?: string;
  labels: Labels;
  role: NodeRole;
  availability: Availability;
}

export type NodeState = 'unknown' | 'down' | 'ready' | 'disconnected';

export interface NodeDescription {
  hostname: string;
  os: string;
  architecture: string;
  nanoCpus: number;
  memoryBytes: number;
  generic: { kind: string; value: number }[];
  engineVersion: string;
  engineLabels: Labels;
  kernelVersion: string;
  osName: string;
  /** Where the host itself has routes to, without that to everywhere. Absent: the agent does not tell. */
  routes?: HostRoute[];
}

/** A member of the cluster. `spec` is the user's, `status` the system's; they are stored apart. */
export interface Node extends Stored {
  spec: NodeSpec;
  /** Unique small number (1…65534): the node's mesh address, mark and conntrack zone derive from it. */
  index: number;
  status: NodeStatus;
}

/** Key of one WireGuard device of a node. It has one, or two while the newer replaces the older. */
export interface EncryptionKey {
  /** Which of the node's two devices: 0 or 1, in turn. */
  slot: number;
  /** Curve25519, base64. */
  publicKey: string;
  /** UDP, on the node's data path address. */
  port: number;
}

/** What people should know of a node's network. */
export interface NetworkNotice {
  /** Published ports that processes of the host hold, so that they do not answer there: `8080/tcp by nginx (pid 12)`. */
  takenPorts: string[];
  /** How many things others had changed since the agent's start, and were put back. */
  drift: number;
  /** The last of them. */
  lastDrift: string[];
}

export interface NodeStatus {
  state: NodeState;
  message: string;
  /** Address that other nodes and users reach it at. */
  address: string;
  /** Address of the VXLAN underlay. */
  dataPathAddress: string;
  /** Keys of its WireGuard devices, the newest last; absent: it cannot encrypt. */
  encryptionKeys?: EncryptionKey[];
  description?: NodeDescription;
  /** Absent: nothing. */
  network?: NetworkNotice;
  /** Present on managers. */
  manager?: { address: string; leader: boolean; reachable: boolean };
}

export interface Service extends Stored {
  spec: ServiceSpec;
  previousSpec?: ServiceSpec;
  /**
   * `RegistryLogins` that came with its images, sealed as secrets are. No part of the spec: another password restarts no task.
   * One leaves the manager only for a node that is to pull an image from its registry.
   */
  sealedLogins?: string;
  /** Version of `spec.template`: tasks with another `templateVersion` are outdated. */
  templateVersion: number;
  /** Absent: nobody has asked for anything. */
  orders?: ServiceOrders;
  status: ServiceStatus;
}

/** What users ask of a service beside its spec. A change of the spec ends what is about an update. Times are RFC 3339. */
export interface ServiceOrders {
  /** The update, or rollback, goes no further for now. */
  paused?: true;
  /** What has been halted before goes on; what failed until then is forgiven. */
  resumedAt?: string;
  /** The canaries are good: the other tasks follow. */
  promoted?: true;
  /** It has no tasks until it is started again, and keeps its number of replicas. */
  stopped?: true;
  /** A run of a cron service beside its schedule. */
  runAt?: string;
}

/** Written by the allocator and the updater, never by the user. */
export interface ServiceStatus {
  /** Ports with every choice made; empty until allocated. */
  ports: PortConfig[];
  virtualIps: { networkId: string; address: string }[];
  update?: UpdateStatus;
  /** How the number of replicas was last changed for what its tasks use. Absent: never. */
  scaling?: { at: string; from: number; to: number; why: string };
  cron?: CronStatus;
}

/** Where a service is that runs now and then. Times are RFC 3339. */
export interface CronStatus {
  /** The schedule, and its zone, that `nextAt` follows from. */
  schedule: string;
  /** When the next run is due. Absent: never. */
  nextAt?: string;
  /** The run that began last. */
  run?: number;
  /** Runs that are not over yet. */
  underWay: number[];
  /** The order of a user that the last run beside the schedule obeyed. */
  orderedAt?: string;
  /** What became of the time that was due last, when it made no run. Empty: it did. */
  message: string;
}

export interface UpdateStatus {
  /** `canary`: some tasks are new, and the others wait until somebody promotes or aborts the update. */
  state: 'updating' | 'canary' | 'paused' | 'completed' | 'rollback_started' | 'rollback_paused' | 'rollback_completed';
  startedAt: string;
  completedAt?: string;
  /** Since when it has been paused, or a canary. */
  haltedAt?: string;
  message: string;
}

/** The task template of one version of a service, stored once; id is `templateId(serviceId, version)`. */
export interface Template extends Stored {
  template: TaskTemplate;
}

export function templateId(serviceId: string, templateVersion: number): string {
  return `${serviceId}.${templateVersion}`;
}

/**
 * One incarnation of one slot of a service. A task is never run twice: what replaces it is a new task.
 * `status` is observed by the node (before assignment: written by the manager); the rest is desired state.
 */
export interface Task extends Stored {
  serviceId: string;
  /** Kept so that a task still has a name when its service is gone. */
  serviceName: string;
  /** 1, 2, … of a replicated service; 0 of a global one. */
  slot: number;
  templateVersion: number;
  /** Empty until assigned. Set at creation for tasks of global services. */
  nodeId: string;
  desiredState: TaskState;
  networks: TaskNetwork[];
  /** Ports of `mode: host` with their choice made. */
  hostPorts: PortConfig[];
  /** Wall-clock time before which the agent shall not start it (restart delay), ms; 0: at once. */
  startAfterMs: number;
  /** How many tasks of its slot crashed right before it, one after the other, none after a stable run. Absent: none. */
  crashesBefore?: number;
  /** Of a cron service: the run that it belongs to, named by the time it was due, in ms since the epoch. */
  run?: number;
  /** It shall leave its node though nothing is wrong with it. Absent: it may stay. */
  eviction?: Eviction;
  status: TaskStatus;
}

/** `rebalance`: it goes once another takes its place. `preemption`: at once, for a task of higher priority that waits for its room. */
export interface Eviction {
  kind: 'rebalance' | 'preemption';
  /** For people. */
  reason: string;
}

/** One address of a task in a network. A network with two families gives it two, IPv4 first. */
export interface TaskNetwork {
  networkId: string;
  /** Address without prefix length. */
  address: string;
  aliases: string[];
  /** Of the interface; absent: made from its address. */
  macAddress?: string;
}

export interface TaskStatus {
  state: TaskState;
  timestamp: string;
  /** What happened, in Swarm's words: `started`, `preparing`, … */
  message: string;
  /** Why it failed, or why it is still pending. Empty: nothing is wrong. */
  error: string;
  /** When it began to run, once `timestamp` is that of something later. Absent of a task that was never seen to run. */
  runningSince?: string;
  /** It runs, and its last health check failed: it gets no new connections. Absent: it serves. */
  unready?: true;
  container?: { id: string; pid: number; exitCode?: number; oomKilled?: boolean };
}

export interface Network extends Stored {
  spec: NetworkSpec;
  /** Filled in by the allocator. */
  allocation?: { subnets: { subnet: string; gateway: string }[]; vni: number };
}

export interface NetworkSpec {
  name: string;
  labels: Labels;
  driver: string; // overlay
  driverOpts: Record<string, string>;
  internal: boolean;
  attachable: boolean;
  ingress: boolean;
  ipv6: boolean;
  ipam?: { driver?: string; options?: Record<string, string>; configs: IpamConfig[] };
}

export interface IpamConfig {
  subnet?: string;
  ipRange?: string;
  gateway?: string;
  auxAddresses?: Record<string, string>;
}

export interface SecretSpec {
  name: string;
  labels: Labels;
  driver?: { name: string; options: Record<string, string> };
  templating?: { name: string; options?: Record<string, string> };
}

/** `sealed` is the content encrypted with the cluster's key, base64; it never leaves the manager but to a node that needs it. */
export interface Secret extends Stored {
  spec: SecretSpec;
  sealed: string;
}

/** `data` is base64. */
export interface Config extends Stored {
  spec: SecretSpec;
  data: string;
}

/** A stack that was deployed by its name, which is its id. What was deployed is in its revisions. */
export interface Stack extends Stored {
  /** Counts deploys that changed something; the number of the newest `StackRevision`. */
  revision: number;
  /** What belongs to the stack and not to this revision is to be removed, once this revision has converged. */
  prune?: boolean;
}

/** One deploy that changed something; never changed itself. Id is `stackRevisionId(stack, revision)`, `createdAt` the time of the deploy. */
export interface StackRevision extends Stored {
  stack: string;
  revision: number;
  /** Unix user who ran the client; empty when it did not say. */
  deployedBy: string;
  /** The earlier revision that this one repeats. */
  rollbackTo?: number;
  spec: RecordedStack;
}

export function stackRevisionId(stack: string, revision: number): string {
  return `${stack}.${revision}`;
}

/** A `StackSpec` without contents: each file names the object that holds its content. */
export interface RecordedStack extends Omit<StackSpec, 'secrets' | 'configs'> {
  secrets: RecordedFile[];
  configs: RecordedFile[];
}

export interface RecordedFile extends SecretSpec {
  objectId: string;
  /** The name of that object: `app_key`, or `app_key-1f2e3d4c5b` for a later content. */
  objectName: string;
}

/** What a set of compose files comes to. Names are already scoped (`stack_web`); references are by name. */
export interface StackSpec {
  name: string;
  services: ServiceSpec[];
  networks: NetworkSpec[];
  secrets: (SecretSpec & { data: string })[];
  configs: (SecretSpec & { data: string })[];
  /** Names that must exist already. */
  external: { networks: string[]; secrets: string[]; configs: string[] };
}
