import type { Kind, Kinds, Task, ClusterView } from '../../../model/src/index.js';
import { hasStatus, isNamedKind, nameOfObject, type ObjectWrite } from '../apply-changes.js';
import { chunkOf, type Keys } from './keys.js';
import { encodeAssigned, encodeDesired, encodeObserved, encodePending, encodeStatus, type Packed } from './records.js';

/** New values of keys; `undefined` deletes. */
export type KeyWrites = Map<string, string | undefined>;

/** What the writes come to in keys. Pure. The view must not have them applied yet. */
export function keyWrites(view: ClusterView, writes: readonly ObjectWrite[], keys: Keys): KeyWrites {
  const result: KeyWrites = new Map();
  for (const write of writes) if (write.kind !== 'task') writeObject(result, write, keys);
  writeNames(result, writes, keys);
  writeTasks(result, view, writes.filter(({ kind }) => kind === 'task'), keys);
  return result;
}

function writeObject(result: KeyWrites, { kind, id, after, desired, observed }: ObjectWrite, keys: Keys): void {
  if (desired) result.set(keys.object(kind, id), after && encodeDesired(after));
  if (observed && hasStatus(kind)) result.set(keys.status(kind, id), after && encodeStatus(after));
}

/** Names are freed first: what one object gives up another may take. */
function writeNames(result: KeyWrites, writes: readonly ObjectWrite[], keys: Keys): void {
  const name = (kind: Kind, object: Kinds[Kind] | undefined) => object && nameOfObject(kind, object);
  const moved = writes.filter(({ kind, before, after }) => isNamedKind(kind) && name(kind, before) !== name(kind, after));
  for (const { kind, before } of moved) if (isNamedKind(kind) && before) result.set(keys.name(kind, name(kind, before)!), undefined);
  for (const { kind, id, after } of moved) if (isNamedKind(kind) && after) result.set(keys.name(kind, name(kind, after)!), JSON.stringify(id));
}

function writeTasks(result: KeyWrites, view: ClusterView, writes: readonly ObjectWrite[], keys: Keys): void {
  const assigned = new Set<string>();
  const observed = new Set<string>();
  const pending = new Map<string, Task>();
  for (const write of writes) {
    const before = write.before as Task | undefined;
    const after = write.after as Task | undefined;
    const moved = before?.nodeId !== after?.nodeId;
    for (const task of [before, after]) {
      if (!task) continue;
      if (task.nodeId === '') pending.set(keys.pending(task.serviceId, chunkOf(task)), task);
      if (task.nodeId !== '' && (write.desired || moved)) assigned.add(task.nodeId);
      if (task.nodeId !== '' && (write.observed || moved)) observed.add(task.nodeId);
    }
  }
  const byId = new Map(writes.map((write) => [write.id, write]));
  for (const nodeId of new Set([...assigned, ...observed])) {
    const packed = repack(view.tasksOnNode(nodeId), byId, (task) => task.nodeId === nodeId);
    if (assigned.has(nodeId)) result.set(keys.assigned(nodeId), packed.length > 0 ? encodeAssigned(packed) : undefined);
    if (observed.has(nodeId)) result.set(keys.observed(nodeId), packed.length > 0 ? encodeObserved(packed) : undefined);
  }
  for (const [key, { serviceId, slot }] of pending) {
    const belongs = (task: Task) => task.nodeId === '' && task.serviceId === serviceId && chunkOf(task) === chunkOf({ slot });
    const packed = repack(view.tasksOfService(serviceId).filter(belongs), byId, belongs);
    result.set(key, packed.length > 0 ? encodePending(packed) : undefined);
  }
}

/** The tasks of one key after the writes. */
function repack(current: readonly Task[], writes: ReadonlyMap<string, ObjectWrite>, belongs: (task: Task) => boolean): Packed {
  const packed: Packed = [];
  for (const task of current) if (!writes.has(task.id)) packed.push({ task, fresh: false });
  for (const { after, desired } of writes.values()) {
    if (after && belongs(after as Task)) packed.push({ task: after as Task, fresh: desired });
  }
  return packed;
}
