import { Bug, seededRandom } from '../../../base/src/index.js';
import type { Change, Kinds, StatusKind } from '../change.js';
import type { IndexedView } from '../cluster-view.js';
import type { Decide, DecisionContext, DecisionResult } from '../decision.js';
import type { Task } from '../objects.js';
import { mayMove } from '../task-state.js';

/** 2024-01-01, the age of what the builders make. */
export const testEpochMs = 1_704_067_200_000;

export function aContext(nowMs = testEpochMs + 1000, seed = 1): DecisionContext {
  return { nowMs, random: seededRandom(seed) };
}

/** Applies changes to a view the way a store does, and throws `Bug` where a store would refuse them. */
export function applyChanges(view: IndexedView, changes: readonly Change[]): void {
  view.revision++;
  for (const change of changes) applyChange(view, change);
}

function applyChange(view: IndexedView, change: Change): void {
  if (change.action === 'remove') return view.apply(change.kind, change.id, undefined);
  if (change.action === 'status') return applyStatus(view, change);
  const before = view.get(change.kind, change.object.id);
  const version = view.revision;
  if (change.action === 'create') {
    if (before) throw new Bug(`${change.kind} ${change.object.id} exists already`);
    return view.apply(change.kind, change.object.id, { ...change.object, version } as never);
  }
  if (!before) throw new Bug(`${change.kind} ${change.object.id} is gone`);
  // Two changes of one commit see the same version, so a version of this very commit is no conflict.
  if (change.expect !== undefined && before.version !== change.expect && before.version !== version) throw new Bug(`${change.kind} ${change.object.id} was changed in between`);
  const status = 'status' in before ? { status: before.status } : {};
  view.apply(change.kind, change.object.id, { ...change.object, ...status, version } as never);
}

function applyStatus(view: IndexedView, change: Extract<Change, { action: 'status' }>): void {
  const before = view.get(change.kind, change.id);
  if (!before) return;
  if (change.kind === 'task') {
    const from = (before as Task).status.state;
    if (!change.actor) throw new Bug('a status of a task needs its actor');
    if (!mayMove(change.actor, from, change.status.state)) throw new Bug(`${change.actor} moved task ${change.id} from ${from} to ${change.status.state}`);
  }
  view.apply(change.kind, change.id, { ...before, status: change.status, version: view.revision } as Kinds[StatusKind] as never);
}

/** Runs the decisions in turn, each on the outcome of the ones before, until none changes anything. Returns their sentences. */
export function settle(view: IndexedView, decides: readonly Decide[], context: DecisionContext = aContext(), maxRounds = 100): string[] {
  const sentences: string[] = [];
  for (let round = 0; round < maxRounds; round++) {
    let changed = false;
    for (const decide of decides) {
      const result = decide(view, context);
      if (result.changes.length === 0) continue;
      changed = true;
      sentences.push(...(result.sentences ?? []));
      applyChanges(view, result.changes);
    }
    if (!changed) return sentences;
  }
  throw new Bug(`did not settle within ${maxRounds} rounds; last: ${sentences.slice(-5).join('; ')}`);
}

/** Decides once, applies, and returns what was decided. */
export function decideOnce(view: IndexedView, decide: Decide, context: DecisionContext = aContext()): DecisionResult {
  const result = decide(view, context);
  applyChanges(view, result.changes);
  return result;
}
