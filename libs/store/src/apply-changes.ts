import { assert, Bug, Refused } from '../../base/src/index.js';
import {
  compareStates,
  mayEverWrite,
  mayMove,
  nameOf,
  type Change,
  type ClusterView,
  type IndexedView,
  type Kind,
  type Kinds,
  type NamedKind,
  type Node,
  type Revision,
  type Service,
  type StoreEvent,
  type Task,
  type TaskStatus,
} from '../../model/src/index.js';

type AnyObject = Kinds[Kind];

/** The net effect of a change list on one object. `after` still has the version of `before`: see `stamp`. */
export interface ObjectWrite {
  kind: Kind;
  id: string;
  before: AnyObject | undefined;
  after: AnyObject | undefined;
  /** The half that users and decisions write changed: the object gets a new version. */
  desired: boolean;
  /** The observed half changed. It has no version: a status never makes another change fail. */
  observed: boolean;
}

/**
 * Checks a change list against a view and works out what it comes to, one write per object in the order of first
 * mention. Pure: both stores apply the result to their view once it is committed.
 *
 * Changes of one list see each other: a name freed by an earlier change may be taken by a later one.
 * Throws `Refused('already-exists' | 'conflict')` and `Bug`, as `Store.commit` promises.
 */
export function applyChanges(view: ClusterView, changes: readonly Change[], now: string): ObjectWrite[] {
  const draft = new DraftView(view);
  for (const change of changes) applyChange(draft, change, now);
  return draft.writes();
}

/** Applies a change list to an index as the commit after its last one. Returns what that wrote. */
export function applyTo(view: IndexedView, changes: readonly Change[], now: string): ObjectWrite[] {
  const writes = applyChanges(view, changes, now);
  if (writes.length === 0) return writes;
  const revision = view.revision + 1;
  for (const write of writes) view.apply(write.kind, write.id, stamp(write, revision) as never);
  view.revision = revision;
  return writes;
}

/** Applies a change list to a draft (see `ClusterView.drafting`): versions stay, for nothing is committed yet. */
export function applyDraft(draft: IndexedView, changes: readonly Change[], now: string): void {
  for (const { kind, id, after } of applyChanges(draft, changes, now)) draft.apply(kind, id, after as never);
}

/** The object as it is once its write is committed at `revision`. */
export function stamp(write: ObjectWrite, revision: Revision): AnyObject | undefined {
  return write.after && write.desired ? { ...write.after, version: revision } : write.after;
}

/** What watchers are told about a write. */
export function eventsOf({ kind, id, before, after, desired, observed }: ObjectWrite): StoreEvent[] {
  if (!before) return after ? [{ kind, id, action: 'create' }] : [];
  if (!after) return [{ kind, id, action: 'remove' }];
  const events: StoreEvent[] = [];
  if (desired) events.push({ kind, id, action: 'update' });
  if (observed) events.push({ kind, id, action: 'status' });
  return events;
}

export function isNamedKind(kind: Kind): kind is NamedKind {
  return kind === 'service' || kind === 'network' || kind === 'secret' || kind === 'config' || kind === 'stack';
}

/** The kinds whose observed half is stored apart. */
export function hasStatus(kind: Kind): kind is 'cluster' | 'node' | 'service' | 'task' {
  return kind === 'cluster' || kind === 'node' || kind === 'service' || kind === 'task';
}

export function nameOfObject(kind: Kind, object: AnyObject): string | undefined {
  return isNamedKind(kind) ? nameOf(kind, object as Service) : undefined;
}

/** A view plus the changes made so far. */
class DraftView {
  readonly #written: ObjectWrite[] = [];
  readonly #byKind = new Map<Kind, Map<string, ObjectWrite>>();
  /** Names that changed hands; `undefined`: free. */
  readonly #names = new Map<string, string | undefined>();

  constructor(readonly base: ClusterView) {}

  get(kind: Kind, id: string): AnyObject | undefined {
    const write = this.#byKind.get(kind)?.get(id);
    return write ? write.after : this.base.get(kind, id);
  }

  idOfName(kind: NamedKind, name: string): string | undefined {
    const key = `${kind}/${name}`;
    return this.#names.has(key) ? this.#names.get(key) : this.base.named(kind, name)?.id;
  }

  put(kind: Kind, id: string, after: AnyObject | undefined, half: 'desired' | 'observed' | 'both'): void {
    const current = this.get(kind, id);
    const write = this.#writeOf(kind, id);
    write.after = after;
    write.desired ||= half !== 'observed';
    write.observed ||= half !== 'desired' && hasStatus(kind);
    if (!isNamedKind(kind)) return;
    if (current) this.#rename(kind, id, nameOfObject(kind, current), undefined);
    if (after) this.#rename(kind, id, undefined, nameOfObject(kind, after));
  }

  writes(): ObjectWrite[] {
    return this.#written.filter((write) => write.before || write.after);
  }

  #writeOf(kind: Kind, id: string): ObjectWrite {
    let byId = this.#byKind.get(kind);
    if (!byId) this.#byKind.set(kind, (byId = new Map()));
    let write = byId.get(id);
    if (write) return write;
    byId.set(id, (write = { kind, id, before: this.base.get(kind, id), after: undefined, desired: false, observed: false }));
    this.#written.push(write);
    return write;
  }

  #rename(kind: Kind, id: string, from: string | undefined, to: string | undefined): void {
    if (from !== undefined) this.#names.set(`${kind}/${from}`, undefined);
    if (to !== undefined) this.#names.set(`${kind}/${to}`, id);
  }
}

function applyChange(draft: DraftView, change: Change, now: string): void {
  switch (change.action) {
    case 'create':
      return applyCreate(draft, change.kind, change.object as AnyObject, now);
    case 'update':
      return applyUpdate(draft, change.kind, change.object as AnyObject, change.expect, now);
    case 'status':
      return applyStatus(draft, change);
    case 'remove':
      return applyRemove(draft, change.kind, change.id, change.expect);
  }
}

function applyCreate(draft: DraftView, kind: Kind, object: AnyObject, now: string): void {
  assert(object.id !== '', `create of a ${kind} without an id`);
  if (draft.get(kind, object.id)) throw new Refused('already-exists', `${kind} ${object.id} exists already`);
  requireFreeName(draft, kind, object);
  draft.put(kind, object.id, { ...object, version: 0, createdAt: object.createdAt || now, updatedAt: now }, 'both');
}

function applyUpdate(draft: DraftView, kind: Kind, object: AnyObject, expect: Revision | undefined, now: string): void {
  const current = draft.get(kind, object.id);
  if (!current) throw new Refused('conflict', `${kind} ${object.id} was removed meanwhile; look again`);
  requireVersion(kind, current, expect);
  requireFreeName(draft, kind, object);
  const after = { ...object, version: current.version, createdAt: current.createdAt, updatedAt: now };
  if (hasStatus(kind)) (after as Node).status = (current as Node).status;
  if (kind === 'task') assertForward(current as Task, after as Task);
  draft.put(kind, object.id, after, 'desired');
}

function applyStatus(draft: DraftView, change: Extract<Change, { action: 'status' }>): void {
  const current = draft.get(change.kind, change.id);
  if (!current) throw new Refused('conflict', `${change.kind} ${change.id} was removed meanwhile; look again`);
  if (change.kind === 'task') assertMayMove(current as Task, change.status, change.actor);
  draft.put(change.kind, change.id, { ...current, status: change.status } as AnyObject, 'observed');
}

function applyRemove(draft: DraftView, kind: Kind, id: string, expect: Revision | undefined): void {
  const current = draft.get(kind, id);
  if (!current) return;
  requireVersion(kind, current, expect);
  draft.put(kind, id, undefined, 'both');
}

function requireVersion(kind: Kind, current: AnyObject, expect: Revision | undefined): void {
  if (expect === undefined || current.version === expect) return;
  throw new Refused('conflict', `update out of sequence: ${kind} ${current.id} has version ${current.version}, the change was based on ${expect}; look again and repeat it`);
}

function requireFreeName(draft: DraftView, kind: Kind, object: AnyObject): void {
  if (!isNamedKind(kind)) return;
  const name = nameOf(kind, object as Service);
  const holder = draft.idOfName(kind, name);
  if (holder === undefined || holder === object.id) return;
  throw new Refused('already-exists', `the name ${name} is taken by ${kind} ${holder}; choose another or remove that one`);
}

function assertMayMove(task: Task, status: TaskStatus, actor: Extract<Change, { action: 'status' }>['actor']): void {
  if (!actor) throw new Bug(`a status of task ${task.id} names no actor`);
  if (mayMove(actor, task.status.state, status.state)) return;
  const words = `${actor} may not move task ${task.id} from ${task.status.state} to ${status.state}`;
  // Agents report while the leader decides: what was right when it was worked out may have been overtaken.
  if (mayEverWrite(actor, status.state)) throw new Refused('conflict', `${words}: it has moved meanwhile; look again`);
  throw new Bug(words);
}

/** The desired half moves forward too, and a task never changes its node. */
function assertForward(before: Task, after: Task): void {
  assert(
    compareStates(before.desiredState, after.desiredState) <= 0,
    `the desired state of task ${before.id} may not go back from ${before.desiredState} to ${after.desiredState}`,
  );
  assert(before.nodeId === '' || before.nodeId === after.nodeId, `task ${before.id} may not move from node ${before.nodeId} to ${after.nodeId || 'none'}`);
  assert(before.serviceId === after.serviceId, `task ${before.id} may not change its service`);
}
