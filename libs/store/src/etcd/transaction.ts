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
  const nodes = new Map<string, NodeWrites>();
  const services = new Map<string, Set<number>>();
  const byId = new Map<string, ObjectWrite>();
  for (const write of writes) {
    byId.set(write.id, write);
    const before = write.before as Task | undefined;
    const after = write.after as Task | undefined;
    const moved = before?.nodeId !== after?.nodeId;
    for (const task of before === undefined || !moved ? [after ?? before!] : [before, after]) {
      if (!task) continue;
      if (task.nodeId === '') {
        within(services, task.serviceId, () => new Set<number>()).add(chunkOf(task));
        continue;
      }
      const node = within(nodes, task.nodeId, (): NodeWrites => ({ desired: false, observed: false, after: [] }));
      node.desired ||= write.desired || moved;
      node.observed ||= write.observed || moved;
      if (task === after) node.after.push({ task, fresh: write.desired });
    }
  }
  for (const [nodeId, { desired, observed, after }] of nodes) {
    const packed = [...untouched(view.tasksOnNode(nodeId), byId), ...after];
    if (desired) result.set(keys.assigned(nodeId), packed.length > 0 ? encodeAssigned(packed) : undefined);
    if (observed) result.set(keys.observed(nodeId), packed.length > 0 ? encodeObserved(packed) : undefined);
  }
  for (const [serviceId, chunks] of services) writePending(result, serviceId, chunks, view, writes, byId, keys);
}

/** What becomes of the tasks of one node. */
interface NodeWrites {
  desired: boolean;
  observed: boolean;
  after: Packed;
}

/** Tasks of one service that have no node. */
function writePending(result: KeyWrites, serviceId: string, chunks: ReadonlySet<number>, view: ClusterView, writes: readonly ObjectWrite[], byId: ReadonlyMap<string, ObjectWrite>, keys: Keys): void {
  const packed = new Map([...chunks].map((chunk): [number, Packed] => [chunk, []]));
  for (const one of untouched(view.tasksOfService(serviceId), byId)) if (one.task.nodeId === '') packed.get(chunkOf(one.task))?.push(one);
  for (const { after, desired } of writes) {
    const task = after as Task | undefined;
    if (task?.serviceId === serviceId && task.nodeId === '') packed.get(chunkOf(task))?.push({ task, fresh: desired });
  }
  for (const [chunk, tasks] of packed) result.set(keys.pending(serviceId, chunk), tasks.length > 0 ? encodePending(tasks) : undefined);
}

function untouched(tasks: readonly Task[], writes: ReadonlyMap<string, ObjectWrite>): Packed {
  const packed: Packed = [];
  for (const task of tasks) if (!writes.has(task.id)) packed.push({ task, fresh: false });
  return packed;
}

function within<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
