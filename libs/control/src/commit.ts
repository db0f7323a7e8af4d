import type { Change, Revision } from '../../model/src/index.js';
import { CommitTooLarge, type Store } from '../../store/src/index.js';

/**
 * Commits a list as a whole if one transaction can hold it, else in as few parts as needed. Changes of one object
 * stay together, and parts keep the order of the list: a decision lists changes so that every beginning of it is valid.
 */
export async function commitInParts(store: Store, changes: readonly Change[], signal: AbortSignal, onSplit: () => void): Promise<Revision> {
  try {
    return await store.commit(changes, signal);
  } catch (error) {
    const groups = groupByObject(changes);
    if (!(error instanceof CommitTooLarge) || groups.length < 2) throw error;
    onSplit();
    const middle = Math.ceil(groups.length / 2);
    await commitInParts(store, groups.slice(0, middle).flat(), signal, onSplit);
    return await commitInParts(store, groups.slice(middle).flat(), signal, onSplit);
  }
}

/** In the order of first mention. */
function groupByObject(changes: readonly Change[]): Change[][] {
  const groups = new Map<string, Change[]>();
  for (const change of changes) {
    const key = `${change.kind}/${'object' in change ? change.object.id : change.id}`;
    const group = groups.get(key);
    if (group) group.push(change);
    else groups.set(key, [change]);
  }
  return [...groups.values()];
}
