import type { AssignmentItem } from './assignment.js';
import type { ContainerOperation } from './container-operation.js';
import type { EncryptionKey, NetworkNotice, NodeDescription, Revision, TaskStatus } from './objects.js';

/** What an agent and its manager say to each other on their one connection. libs/wire makes messages of it. */

/** An agent's first word. */
export interface Hello {
  clusterId: string;
  /** Random per start of the agent. */
  instanceId: string;
  bootId: string;
  /** The highest epoch obeyed so far. */
  epochSeen: Revision;
  description: NodeDescription;
  /** Addresses that the node was given; empty: as the manager knows them. */
  advertiseAddress: string;
  dataPathAddress: string;
  /** Of its WireGuard devices, the newest last; none: it cannot encrypt. */
  encryptionKeys: EncryptionKey[];
}

/** What an agent says about one task. */
export interface TaskReport {
  taskId: string;
  status: TaskStatus;
}

/** What a task's container has used. Only services that follow their use are measured. */
export interface TaskUsage {
  taskId: string;
  /** By the node's clock. */
  readAtMs: number;
  /** Since it began, of all processors together. */
  cpuNs: number;
  /** Without the page cache that would go first. */
  memoryBytes: number;
}

export type FromAgent =
  | { kind: 'hello'; hello: Hello }
  /** It lives. */
  | { kind: 'beat'; sequence: number; usage?: TaskUsage[] }
  /** `full`: the complete inventory, which follows a hello; else what has changed since. */
  | { kind: 'statuses'; reports: TaskReport[]; full: boolean }
  /** The node's network agrees with this version of the session's assignments. */
  | { kind: 'applied'; version: number }
  /** Its keys are others from now on. */
  | { kind: 'encryption-keys'; keys: EncryptionKey[] }
  /** What people should know of its network is otherwise from now on. */
  | { kind: 'network-notice'; notice: NetworkNotice };

export interface Welcome {
  nodeId: string;
  nodeIndex: number;
  heartbeatPeriodMs: number;
  address: string;
  dataPathAddress: string;
  dataPathPort: number;
}

/** `complete`: the whole set; else differences from the version before. */
export interface AssignmentMessage {
  complete: boolean;
  version: number;
  put: AssignmentItem[];
  remove: Pick<AssignmentItem, 'kind' | 'key'>[];
}

export interface LogRequest {
  requestId: string;
  taskIds: string[];
  follow: boolean;
  /** Last lines only; -1: all. */
  tail: number;
  /** 0: no limit. */
  sinceMs: number;
  untilMs: number;
}

export interface ContainerOperationRequest {
  requestId: string;
  containerId: string;
  operation: ContainerOperation;
}

/** What an agent answers with a stream of its own, beside the session. */
export type StreamRequest =
  | { kind: 'log-request'; request: LogRequest }
  | { kind: 'log-cancel'; requestId: string }
  | { kind: 'container-request'; request: ContainerOperationRequest };

/** `epoch` is the leader's: an agent obeys none that is lower than one it has seen. */
export type FromManager = { epoch: Revision } & ({ kind: 'welcome'; welcome: Welcome } | { kind: 'assignments'; assignments: AssignmentMessage } | StreamRequest);
