import type { FileReference, PortConfig, Protocol, TaskTemplate } from './service.js';
import type { EncryptionKey, TaskNetwork } from './objects.js';
import type { RegistryCredentials } from './registry-login.js';
import type { TaskState } from './task-state.js';
import type { Balancing, PortTraffic } from './traffic.js';

/**
 * What one node must know, and nothing else: computed by `libs/dispatcher` from the view, sent as a full set and
 * then as differences, kept by the agent on disk. Each item is replaced as a whole.
 */
export interface AssignmentItems {
  task: AssignedTask;
  secret: AssignedFile;
  config: AssignedFile;
  network: AssignedNetwork;
  service: AssignedService;
  peer: AssignedPeer;
}

export type AssignmentKind = keyof AssignmentItems;

/** One item with its place in the set. `key` is unique per kind. */
export type AssignmentItem = { [K in AssignmentKind]: { kind: K; key: string; value: AssignmentItems[K] } }[AssignmentKind];

/** A task for this node. key: task id. */
export interface AssignedTask {
  id: string;
  serviceId: string;
  serviceName: string;
  slot: number;
  desiredState: TaskState;
  startAfterMs: number;
  networks: TaskNetwork[];
  hostPorts: PortConfig[];
  template: TaskTemplate;
  /** For the registry of the image. Only as long as the task is still to be prepared. */
  credentials?: RegistryCredentials;
  /** Of the service, for names in logs and in the container's labels. */
  serviceLabels: Record<string, string>;
}

/** Content of a secret or config that some task here mounts. key: its id. `data` is base64. */
export interface AssignedFile {
  id: FileReference['id'];
  name: string;
  data: string;
  /** Its content is a template of Go, for each task anew. */
  templated?: true;
}

/** A network that some task here is attached to. key: network id. */
export interface AssignedNetwork {
  id: string;
  name: string;
  /** IPv4 first; an address of the network lies in one of them. */
  subnets: { subnet: string; gateway: string }[];
  internal: boolean;
  mtu?: number;
  /** Between nodes it travels over WireGuard, and never otherwise. */
  encrypted?: true;
}

/**
 * A service that this node must be able to reach: it shares a network with a task here, or publishes ports.
 * key: service id.
 */
export interface AssignedService {
  id: string;
  name: string;
  mode: 'vip' | 'dnsrr';
  virtualIps: { networkId: string; address: string }[];
  /** Published on every node (`publishMode: ingress`), all choices made. */
  ports: AssignedPort[];
  endpoints: AssignedEndpoint[];
  /** Of its virtual addresses. Absent: spread evenly. */
  balancing?: Balancing;
  /** Absent: whoever shares a network with it may connect to it. */
  guard?: ServiceGuard;
}

/** Of the service's tasks only these addresses are guarded, and only those may connect to them over a network; published ports stay open. */
export interface ServiceGuard {
  addresses: string[];
  allow: string[];
}

export interface AssignedPort extends PortTraffic {
  protocol: Protocol;
  targetPort: number;
  publishedPort: number;
}

export interface AssignedEndpoint {
  taskId: string;
  slot: number;
  nodeId: string;
  /** `draining`: keeps its open connections, gets no new ones, is in no DNS answer. */
  state: 'ready' | 'draining';
  /** Its share of the connections, 0 to 100. Absent: 1. */
  weight?: number;
  /** `encrypted`: other nodes reach it over WireGuard only. */
  addresses: { networkId: string; address: string; aliases: string[]; encrypted?: true }[];
}

/** Another node (or this one) of the cluster's network. key: node id. */
export interface AssignedPeer {
  nodeId: string;
  index: number;
  /** Address of its VXLAN underlay. */
  dataPathAddress: string;
  /** Every address that published ports answer at on it. */
  address: string;
  /** Where its encrypted networks are reached, the newest key last. Absent: it cannot encrypt. */
  encryptionKeys?: EncryptionKey[];
}

/** All that one node is told, by `itemKey`. */
export type AssignmentSet = ReadonlyMap<string, AssignmentItem>;

export function itemKey(item: Pick<AssignmentItem, 'kind' | 'key'>): string {
  return `${item.kind}/${item.key}`;
}
