import { Temporary } from '../../../base/src/index.js';
import type { ClusterStatus, Kind, Kinds, NodeStatus, Revision, ServiceStatus, Task, TaskStatus } from '../../../model/src/index.js';

/**
 * What the values of keys hold, as JSON (docs/decisions/0002-json-in-etcd.md).
 *
 * An object's version is the revision of its key. A packed task shares its key with others, so its record carries
 * the version, except right after its own change: then the version is the revision of the key, not known when the
 * record is written.
 */
type TaskRecord = Omit<Task, 'id' | 'nodeId' | 'status' | 'version'> & { version?: Revision; status?: TaskStatus };

/** Tasks with the records that are about to get a new version. */
export type Packed = { task: Task; fresh: boolean }[];

export function encodeDesired(object: Kinds[Kind]): string {
  const { version: _version, status: _status, ...desired } = object as Kinds['node'];
  return JSON.stringify(desired);
}

export function encodeStatus(object: Kinds[Kind]): string {
  return JSON.stringify((object as Kinds['node']).status);
}

/** Tasks of one node, without their observed halves. */
export function encodeAssigned(packed: Packed): string {
  return JSON.stringify(Object.fromEntries(packed.map(({ task, fresh }) => [task.id, desiredRecord(task, fresh)])));
}

export function encodeObserved(packed: Packed): string {
  return JSON.stringify(Object.fromEntries(packed.map(({ task }) => [task.id, task.status])));
}

/** Tasks of one service that have no node, both halves. */
export function encodePending(packed: Packed): string {
  return JSON.stringify(Object.fromEntries(packed.map(({ task, fresh }) => [task.id, { ...desiredRecord(task, fresh), status: task.status }])));
}

function desiredRecord(task: Task, fresh: boolean): TaskRecord {
  const { id: _id, nodeId: _nodeId, status: _status, version, ...desired } = task;
  return fresh ? desired : { ...desired, version };
}

export function decodeObject(key: string, value: string, version: Revision): Omit<Kinds[Exclude<Kind, 'task'>], 'status'> {
  return { ...(parse(key, value) as Kinds[Exclude<Kind, 'task'>]), version };
}

export function decodeStatus(key: string, value: string): ClusterStatus | NodeStatus | ServiceStatus {
  return parse(key, value) as ClusterStatus | NodeStatus | ServiceStatus;
}

export function decodeObserved(key: string, value: string): Map<string, TaskStatus> {
  return new Map(Object.entries(parse(key, value) as Record<string, TaskStatus>));
}

/** Without a status where the key holds none (`assigned`). */
export function decodeTasks(key: string, value: string, nodeId: string, revision: Revision): (Omit<Task, 'status'> & { status?: TaskStatus })[] {
  const records = parse(key, value) as Record<string, TaskRecord>;
  return Object.entries(records).map(([id, record]) => ({ ...record, id, nodeId, version: record.version ?? revision }));
}

function parse(key: string, value: string): unknown {
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new Temporary(`the value of etcd key ${key} is not JSON; restore it with etcdctl or from a backup`, { cause: error });
  }
}
