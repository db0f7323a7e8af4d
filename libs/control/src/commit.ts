import type { Change, ClusterView, Revision } from '../../model/src/index.js';
import { CommitTooLarge, type Store } from '../../store/src/index.js';

/** So many changes at once keep the process busy for some hundredths of a second. */
const changesPerCommit = 8_000;

/**
 * Commits a list as a whole if it is no longer than usual and one transaction can hold it, else in parts. Changes of one object
 * stay together, and parts keep the order of the list: a decision lists changes so that every beginning of it is valid. Tasks that
 * follow each other go by their nodes, whose tasks are stored together.
 */
export async function commitInParts(store: Pick<Store, 'view' | 'commit'>, changes: readonly Change[], onSplit: () => void): Promise<Revision> {
  if (changes.length <= changesPerCommit) return commitOrHalve(store, changes, onSplit);
  onSplit();
  let revision: Revision = 0;
  for (const part of partsOf(sortedByNode(groupByObject(changes), store.view()))) revision = await commitOrHalve(store, part, onSplit);
  return revision;
}

async function commitOrHalve(store: Pick<Store, 'commit'>, changes: readonly Change[], onSplit: () => void): Promise<Revision> {
  try {
    return await store.commit(changes);
  } catch (error) {
    const groups = error instanceof CommitTooLarge ? groupByObject(changes) : [];
    if (groups.length < 2) throw error;
    onSplit();
    const middle = Math.ceil(groups.length / 2);
    await commitOrHalve(store, groups.slice(0, middle).flat(), onSplit);
    return await commitOrHalve(store, groups.slice(middle).flat(), onSplit);
  }
}

function* partsOf(groups: readonly Change[][]): Generator<Change[]> {
  let part: Change[] = [];
  for (const group of groups) {
    part.push(...group);
    if (part.length < changesPerCommit) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** In the order of first mention. */
function groupByObject(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = [];
  const byKind = new Map<string, Map<string, Change[]>>();
  for (const change of changes) {
    let byId = byKind.get(change.kind);
    if (!byId) byKind.set(change.kind, (byId = new Map()));
    const id = idOf(change);
    const group = byId.get(id);
    if (group) {
      group.push(change);
    } else {
      const first = [change];
      byId.set(id, first);
      groups.push(first);
    }
  }
  return groups;
}

function sortedByNode(groups: readonly Change[][], view: ClusterView): Change[][] {
  const sorted: Change[][] = [];
  let run: { nodeId: string; group: Change[] }[] = [];
  const endRun = () => {
    for (const { group } of run.sort((a, b) => (a.nodeId < b.nodeId ? -1 : a.nodeId > b.nodeId ? 1 : 0))) sorted.push(group);
    run = [];
  };
  for (const group of groups) {
    if (group[0]!.kind === 'task') {
      run.push({ nodeId: nodeOf(group, view), group });
    } else {
      endRun();
      sorted.push(group);
    }
  }
  endRun();
  return sorted;
}

/** Where the task is in the end. */
function nodeOf(group: readonly Change[], view: ClusterView): string {
  for (let index = group.length - 1; index >= 0; index--) {
    const change = group[index]!;
    if (change.kind === 'task' && 'object' in change) return change.object.nodeId;
  }
  return view.get('task', idOf(group[0]!))?.nodeId ?? '';
}

function idOf(change: Change): string {
  return 'object' in change ? change.object.id : change.id;
}
