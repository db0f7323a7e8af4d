import type { Actor } from './task-state.js';
import type { Cluster, ClusterStatus, Config, Network, Node, NodeStatus, Revision, Secret, Service, ServiceStatus, Stack, StackRevision, Task, TaskStatus, Template } from './objects.js';

/** Every kind of object in the store, and its type. */
export interface Kinds {
  cluster: Cluster;
  node: Node;
  service: Service;
  template: Template;
  task: Task;
  network: Network;
  secret: Secret;
  config: Config;
  stack: Stack;
  'stack-revision': StackRevision;
}

export type Kind = keyof Kinds;

/** The observed half of an object: stored under a key of its own, so that it never makes a user's change fail as out of sequence. */
export interface Statuses {
  cluster: ClusterStatus;
  node: NodeStatus;
  service: ServiceStatus;
  task: TaskStatus;
}

export type StatusKind = keyof Statuses;

/** `version` is assigned by the store. */
export type Draft<T> = Omit<T, 'version'> & { version?: Revision };

/**
 * One intended write. A list of them is committed as a whole or not at all.
 *
 * - `create` fails with `already-exists` when the id, or for named kinds the name, is taken.
 * - `update` writes the desired half. With `expect` it fails with `conflict` unless the object still has that version.
 * - `status` writes the observed half.
 * - `remove` succeeds when the object is already gone.
 */
export type Change =
  | { [K in Kind]: { action: 'create'; kind: K; object: Draft<Kinds[K]> } }[Kind]
  | { [K in Kind]: { action: 'update'; kind: K; object: Draft<Kinds[K]>; expect?: Revision } }[Kind]
  | { [K in StatusKind]: { action: 'status'; kind: K; id: string; status: Statuses[K]; actor?: Actor } }[StatusKind]
  | { action: 'remove'; kind: Kind; id: string; expect?: Revision };

/** What happened to one object, as the store tells its watchers after the fact. */
export interface StoreEvent {
  kind: Kind;
  id: string;
  action: 'create' | 'update' | 'status' | 'remove';
}
