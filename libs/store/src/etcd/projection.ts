import { sameJson } from '../../../base/src/index.js';
import {
  IndexedView,
  type Kind,
  type Kinds,
  type Node,
  type NodeStatus,
  type Revision,
  type ServiceStatus,
  type ClusterStatus,
  type StatusKind,
  type StoreEvent,
  type Task,
  type TaskStatus,
} from '../../../model/src/index.js';
import { eventsOf, hasStatus, stamp, type ObjectWrite } from '../apply-changes.js';
import type { KeyEvent, KeyValue } from './client.js';
import { chunkOf, type Keys } from './keys.js';
import { decodeObject, decodeObserved, decodeStatus, decodeTasks } from './records.js';
import type { KeyWrites } from './transaction.js';

type AnyObject = Kinds[Kind];

/**
 * The view as the image of etcd's keys.
 *
 * 1. A key only ever moves to a newer revision: an echo of an own commit, a duplicate, or a watch that went back in
 *    time changes nothing.
 * 2. Own commits are applied when etcd confirms them, before the watch has told what others did meanwhile. That is
 *    right because a commit compares every key that it writes.
 */
export class Projection {
  readonly view = new IndexedView();
  readonly #keys: Keys;
  readonly #revisions = new Map<string, Revision>();
  /** Keys that an own commit deleted, until the watch is past it. */
  readonly #deleted = new Map<string, Revision>();
  #heard: Revision = 0;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** Everything up to this revision has been applied, and perhaps some own commits after it. */
  get heard(): Revision {
    return this.#heard;
  }

  /** The revision of a key; 0: it does not exist. What a transaction must compare before it writes the key. */
  revisionOf(key: string): Revision {
    return this.#revisions.get(key) ?? 0;
  }

  /** Applies an own commit. Nothing is new when the watch was faster than the answer. */
  applyOwn(writes: readonly ObjectWrite[], keyWrites: KeyWrites, revision: Revision): StoreEvent[] {
    if ([...keyWrites].every(([key, value]) => (value === undefined ? this.revisionOf(key) === 0 : this.revisionOf(key) >= revision))) return [];
    for (const [key, value] of keyWrites) this.#setRevision(key, value === undefined ? undefined : revision, revision);
    const events: StoreEvent[] = [];
    for (const write of writes) {
      this.view.apply(write.kind, write.id, this.#merged(write, revision) as never);
      events.push(...eventsOf(write));
    }
    this.view.revision = Math.max(this.view.revision, revision);
    return events;
  }

  /** Applies what a watch tells, all of one revision. */
  applyEvents(events: readonly KeyEvent[], revision: Revision): StoreEvent[] {
    const news = events.filter((event) => event.revision > Math.max(this.revisionOf(event.key), this.#deleted.get(event.key) ?? 0));
    const result = this.#project(news);
    this.#advance(revision);
    return result;
  }

  /** Makes the view what was read, and tells the difference. */
  applyLoad(entries: readonly KeyValue[], revision: Revision): StoreEvent[] {
    const present = new Set(entries.map(({ key }) => key));
    const gone = [...this.#revisions].filter(([key, known]) => !present.has(key) && known <= revision);
    const news: KeyEvent[] = [...entries, ...gone.map(([key]) => ({ key, value: undefined, revision }))];
    return this.applyEvents(news, revision);
  }

  /** Takes these keys for outdated: the next load replaces them. */
  distrust(keys: readonly string[]): void {
    for (const key of keys) if (this.#revisions.has(key)) this.#revisions.set(key, 0);
  }

  /** Forgets which revisions it knew: for an etcd that was replaced or restored, where they mean nothing. */
  forgetRevisions(): void {
    this.distrust([...this.#revisions.keys()]);
    this.#deleted.clear();
    this.#heard = 0;
    this.view.revision = 0;
  }

  /** Keys whose revision differs from `entries`, read at `revision`, among those that had not changed after it. */
  differences(entries: readonly KeyValue[], revision: Revision): string[] {
    const stored = new Map(entries.map((entry) => [entry.key, entry.revision]));
    const known = [...this.#revisions].filter(([, at]) => at <= revision);
    const wrong = known.filter(([key, at]) => stored.get(key) !== at).map(([key]) => key);
    const missing = entries.filter(({ key }) => !this.#revisions.has(key) && !((this.#deleted.get(key) ?? 0) > revision)).map(({ key }) => key);
    return [...wrong, ...missing];
  }

  #advance(revision: Revision): void {
    this.#heard = Math.max(this.#heard, revision);
    this.view.revision = Math.max(this.view.revision, revision);
    for (const [key, at] of this.#deleted) if (at <= this.#heard) this.#deleted.delete(key);
  }

  #setRevision(key: string, known: Revision | undefined, at: Revision): void {
    if (known !== undefined) {
      this.#revisions.set(key, known);
      this.#deleted.delete(key);
    } else {
      this.#revisions.delete(key);
      if (at > this.#heard) this.#deleted.set(key, at);
    }
  }

  /** An own write changed one half only: the other one is as the view has it now. */
  #merged(write: ObjectWrite, revision: Revision): AnyObject | undefined {
    const after = stamp(write, revision);
    const current = this.view.get(write.kind, write.id);
    if (!after || !current || !hasStatus(write.kind)) return after;
    if (!write.observed) return { ...after, status: (current as Node).status } as AnyObject;
    if (!write.desired) return { ...current, status: (after as Node).status } as AnyObject;
    return after;
  }

  #project(events: readonly KeyEvent[]): StoreEvent[] {
    const result: StoreEvent[] = [];
    const put = (kind: Kind, id: string, after: AnyObject | undefined) => {
      const before = this.view.get(kind, id);
      const desired = before?.version !== after?.version;
      const observed = before !== undefined && after !== undefined && !sameJson(statusOf(before), statusOf(after));
      if (!desired && !observed) return;
      this.view.apply(kind, id, after as never);
      result.push(...eventsOf({ kind, id, before, after, desired, observed }));
    };
    projectObjects(this.view, this.#keys, events, put);
    projectTasks(this.view, this.#keys, events, put);
    // Last: what an unreadable value interrupted is projected again.
    for (const { key, value, revision } of events) this.#setRevision(key, value === undefined ? undefined : revision, revision);
    return result;
  }
}

type Put = (kind: Kind, id: string, after: AnyObject | undefined) => void;

function projectObjects(view: IndexedView, keys: Keys, events: readonly KeyEvent[], put: Put): void {
  const statuses = new Map<string, { kind: Exclude<StatusKind, 'task'>; id: string; status: ClusterStatus | NodeStatus | ServiceStatus }>();
  for (const { key, value } of events) {
    const parsed = keys.parse(key);
    if (parsed.type === 'status' && value !== undefined) statuses.set(`${parsed.kind}/${parsed.id}`, { ...parsed, status: decodeStatus(key, value) });
  }
  for (const { key, value, revision } of events) {
    const parsed = keys.parse(key);
    if (parsed.type !== 'object') continue;
    const { kind, id } = parsed;
    if (value === undefined) {
      put(kind, id, undefined);
      continue;
    }
    const desired = decodeObject(key, value, revision) as AnyObject;
    const status = statuses.get(`${kind}/${id}`)?.status ?? statusOf(view.get(kind, id));
    put(kind, id, status === undefined ? desired : ({ ...desired, status } as AnyObject));
  }
  for (const { kind, id, status } of statuses.values()) {
    const current = view.get(kind, id);
    if (current) put(kind, id, { ...current, status } as AnyObject);
  }
}

function projectTasks(view: IndexedView, keys: Keys, events: readonly KeyEvent[], put: Put): void {
  const observed = new Map<string, Map<string, TaskStatus>>();
  const wanted = new Map<string, Omit<Task, 'status'> & { status?: TaskStatus }>();
  const before = new Set<string>();
  for (const { key, value, revision } of events) {
    const parsed = keys.parse(key);
    if (parsed.type === 'observed') observed.set(parsed.nodeId, value === undefined ? new Map() : decodeObserved(key, value));
    if (parsed.type !== 'assigned' && parsed.type !== 'pending') continue;
    const nodeId = parsed.type === 'assigned' ? parsed.nodeId : '';
    if (value !== undefined) for (const task of decodeTasks(key, value, nodeId, revision)) wanted.set(task.id, task);
    const present =
      parsed.type === 'assigned'
        ? view.tasksOnNode(nodeId)
        : view.tasksOfService(parsed.serviceId).filter((task) => task.nodeId === '' && chunkOf(task) === parsed.chunk);
    for (const { id } of present) before.add(id);
  }
  for (const id of before) if (!wanted.has(id)) put('task', id, undefined);
  for (const task of wanted.values()) {
    const status = task.status ?? observed.get(task.nodeId)?.get(task.id) ?? view.get('task', task.id)?.status ?? unknownStatus(task);
    put('task', task.id, { ...task, status });
  }
  for (const [nodeId, statuses] of observed) {
    for (const task of view.tasksOnNode(nodeId)) {
      const status = statuses.get(task.id);
      if (status && !wanted.has(task.id)) put('task', task.id, { ...task, status });
    }
  }
}

function statusOf(object: AnyObject | undefined): NodeStatus | undefined {
  return (object as Node | undefined)?.status;
}

/** Observed state is soft: what is lost, the node reports again when its session starts. */
function unknownStatus(task: Pick<Task, 'updatedAt'>): TaskStatus {
  return { state: 'assigned', timestamp: task.updatedAt, message: 'waiting for the node to report', error: '' };
}
