import { sameJson } from '../../../base/src/index.js';
import { stackLabel, type Change, type Kind, type Kinds, type Node, type Service, type Stack } from '../../../model/src/index.js';
import type { Write } from '../authority.js';
import { must, type MakeCheck } from './check.js';

/** What a user was told is stored was stored, and stays as it is until another user, or a rollback that was asked for in advance, changes it. */
export const writes: MakeCheck = () => {
  const history = new History();
  return {
    name: 'writes of users',
    committed({ writer, writes: all }) {
      for (const { kind, id, after } of all) history.note(kind, id, after);
      if (writer.kind === 'user') return;
      for (const { kind, id, before, after } of all) {
        if (kind === 'service' && !isPruned(all, before as Service | undefined, after)) checkService(before as Service | undefined, after as Service | undefined);
        if (kind === 'node' && before) must(after && sameJson((before as Node).spec, (after as Node).spec), () => `what a user wrote about ${id} was lost`);
      }
    },
    acknowledged(changes) {
      for (const change of changes) must(history.shows(change), () => `a user was told that it is stored, and it never was: ${JSON.stringify(change)}`);
    },
  };
};

/** Whoever deploys a stack may ask for that in advance. */
function isPruned(all: readonly Write[], service: Service | undefined, after: unknown): boolean {
  if (!service || after) return false;
  return all.some(({ kind, id, before }) => kind === 'stack' && id === service.spec.labels[stackLabel] && (before as Stack | undefined)?.prune === true);
}

function checkService(before: Service | undefined, after: Service | undefined): void {
  must(before && after, () => `a leader created or removed service ${(before ?? after)!.spec.name}`);
  if (sameJson(before.spec, after.spec)) return;
  const isRollback = after.status.update?.state === 'rollback_started' && before.spec.update?.failureAction === 'rollback' && sameJson(before.previousSpec, after.spec);
  must(isRollback, () => `what a user wrote about service ${before.spec.name} was lost: it is ${JSON.stringify(after.spec)} instead of ${JSON.stringify(before.spec)}`);
}

/** All that users ever wrote about services and nodes. */
class History {
  /** By kind and id: each spec that stood there, or that it was removed. */
  readonly #stood = new Map<string, Set<string>>();

  note(kind: Kind, id: string, after: Kinds[Kind] | undefined): void {
    if (kind !== 'service' && kind !== 'node') return;
    const key = `${kind}/${id}`;
    const stood = this.#stood.get(key) ?? new Set();
    this.#stood.set(key, stood.add(usersPart(after as Service | Node | undefined)));
  }

  shows(change: Change): boolean {
    if (change.action === 'status' || (change.kind !== 'service' && change.kind !== 'node')) return true;
    const id = change.action === 'remove' ? change.id : change.object.id;
    const part = usersPart(change.action === 'remove' ? undefined : (change.object as Service | Node));
    return this.#stood.get(`${change.kind}/${id}`)?.has(part) ?? false;
  }
}

function usersPart(object: Service | Node | undefined): string {
  return object ? JSON.stringify(object.spec) : 'removed';
}
