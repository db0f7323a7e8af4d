import { backoffDelayMs, Bell, describeError, isRefused, isTemporary, timestamp, type Clock, type Random, type Trace } from '../../base/src/index.js';
import type { Change, Decide, IndexedView } from '../../model/src/index.js';
import { applyDraft, type Store } from '../../store/src/index.js';
import { commitInParts } from './commit.js';
import type { ControlEvent } from './events.js';

/** One decision with the name that traces call it by. */
export interface Subsystem {
  name: string;
  decide: Decide;
}

export interface LoopOptions {
  store: Store;
  /** In the order of a task's life: what one decides the next sees within the same round. */
  subsystems: readonly Subsystem[];
  clock: Clock;
  random: Random;
  trace: Trace<ControlEvent>;
  signal: AbortSignal;
}

const storeBackoff = { firstMs: 100, maxMs: 3000 };
/** After so many rounds that all changed something, the subsystems are taken to undo each other's work. */
const maxRounds = 100;
const roundsPerDraft = 10;
const sentencesTold = 200;
/** More is committed before the decisions go on: while they are drafted the process does nothing else. */
const changesPerDraft = 25_000;
const notSettlingPauseMs = 1000;
/** A decision that wants to be asked again at once is asked at most this often. */
const minLookAgainMs = 20;
/** Changes that arrive in quick succession are answered together: a pass is followed by a rest of up to this. */
const maxRestMs = 100;

/**
 * Lets the subsystems decide whenever something has changed, and commits what they decide, until aborted.
 *
 * 1. Level-triggered: each pass compares the whole view; an event only says that it is time to look.
 * 2. A pass is rounds of all subsystems in order, on a draft of the view, until none has anything to change. What they come to
 *    is committed together: a task is stored once, with its addresses and its node, and not at each step of its way.
 * 3. A conflict means that the view has moved on: decide again. A store that fails is asked again later.
 * 4. Out of office (`Refused('precondition')` of a fenced store) it rejects. Anything else is a bug: it is traced and
 *    rejects, and the process should end.
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { store, clock, signal } = options;
  const bell = new Bell();
  let heard = 0;
  const stopWatching = store.watch(() => {
    heard++;
    bell.ring();
  });
  try {
    for (let failures = 0; !signal.aborted; ) {
      const startedMs = clock.monotonicMs();
      const pass = await decideUntilSettled(options, () => heard);
      if (signal.aborted) return;
      failures = pass.failed ? failures + 1 : 0;
      const pauseMs = pass.failed
        ? backoffDelayMs(failures - 1, storeBackoff)
        : pass.settled
          ? Math.min(maxRestMs, 2 * (clock.monotonicMs() - startedMs))
          : notSettlingPauseMs;
      await clock.sleep(pauseMs, signal);
      if (pass.failed || !pass.settled || heard !== pass.heard) continue;
      await untilChangeOrTime(bell, () => heard !== pass.heard, pass.lookAgainAtMs, clock, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stopWatching();
  }
}

interface Pass {
  settled: boolean;
  failed: boolean;
  /** How many events the last round knew of. */
  heard: number;
  lookAgainAtMs: number | undefined;
}

async function decideUntilSettled(options: LoopOptions, heardNow: () => number): Promise<Pass> {
  const { subsystems, signal, trace } = options;
  for (let rounds = 0; ; ) {
    const heard = heardNow();
    const round = await decideAndCommit(options);
    const isContent = round.outcome !== 'changed' || (round.settled && heardNow() === heard + round.commits);
    if (isContent || signal.aborted) return { settled: true, failed: round.outcome === 'failed', heard: heard + round.commits, lookAgainAtMs: round.lookAgainAtMs };
    rounds += round.rounds;
    if (rounds >= maxRounds) {
      trace({ event: 'not-settling', subsystems: subsystems.map(({ name }) => name), rounds });
      return { settled: false, failed: false, heard, lookAgainAtMs: undefined };
    }
  }
}

/** What one subsystem decided in one round. */
interface Decided {
  subsystem: string;
  changes: readonly Change[];
  sentences: readonly string[];
  decideMs: number;
}

interface Draft {
  decided: Decided[];
  changes: Change[];
  rounds: number;
  /** In the last round nobody had anything to change. */
  settled: boolean;
  lookAgainAtMs: number | undefined;
}

/** What a draft came to. After a settled one, of which the store told nothing but its own commits, there is nothing left to decide. */
interface Round {
  outcome: 'changed' | 'unchanged' | 'failed';
  rounds: number;
  settled: boolean;
  commits: number;
  lookAgainAtMs?: number | undefined;
}

/** Lets all subsystems decide on a draft of the view until they are content, and commits what that comes to. */
async function decideAndCommit(options: LoopOptions): Promise<Round> {
  const { store, clock, trace, signal } = options;
  const draft: Draft = { decided: [], changes: [], rounds: 0, settled: false, lookAgainAtMs: undefined };
  let commits = 0;
  const counting = { view: () => store.view(), commit: (part: readonly Change[]) => (commits++, store.commit(part, signal)) };
  try {
    store.view().drafting((view) => decideTogether(options, view, draft));
    const { decided, changes, rounds, settled, lookAgainAtMs } = draft;
    if (changes.length === 0) return { outcome: 'unchanged', rounds, settled, commits, lookAgainAtMs };
    const decidedAtMs = clock.monotonicMs();
    const revision = await commitInParts(counting, changes, () => trace({ event: 'commit-split', subsystem: namesOf(draft), changes: changes.length }));
    for (const { changes, sentences, ...one } of decided) trace({ event: 'decided', ...one, changes: changes.length, sentences, revision, commitMs: clock.monotonicMs() - decidedAtMs });
    return { outcome: 'changed', rounds, settled, commits, lookAgainAtMs };
  } catch (error) {
    if (signal.aborted) throw error;
    if (isRefused(error, 'conflict') || isRefused(error, 'already-exists')) {
      trace({ event: 'decision-outdated', subsystem: namesOf(draft), reason: error.message });
      return { outcome: 'changed', rounds: Math.max(1, draft.rounds), settled: false, commits };
    }
    if (isTemporary(error)) {
      trace({ event: 'control-store-failed', subsystem: namesOf(draft), error: describeError(error), retryMs: storeBackoff.firstMs });
      return { outcome: 'failed', rounds: draft.rounds, settled: false, commits };
    }
    if (isRefused(error, 'precondition')) throw error; // the office is lost: no fault of the subsystem
    trace({ event: 'subsystem-failed', subsystem: draft.decided.at(-1)?.subsystem ?? '', error: describeError(error) });
    throw error;
  }
}

/** One after the other, each seeing what those before it want, until none has anything to change or it becomes much at once. */
function decideTogether({ subsystems, clock, random }: LoopOptions, view: IndexedView, draft: Draft): void {
  const nowMs = clock.wallMs();
  const now = timestamp(nowMs);
  while (draft.rounds < roundsPerDraft && draft.changes.length < changesPerDraft) {
    draft.rounds++;
    draft.lookAgainAtMs = undefined;
    const changesBefore = draft.changes.length;
    for (const { name, decide } of subsystems) {
      const startedMs = clock.monotonicMs();
      const decided: Decided = { subsystem: name, changes: [], sentences: [], decideMs: 0 };
      draft.decided.push(decided);
      const { changes, lookAgainAtMs, sentences = [] } = decide(view, { nowMs, random });
      if (lookAgainAtMs !== undefined) draft.lookAgainAtMs = Math.min(draft.lookAgainAtMs ?? Infinity, lookAgainAtMs);
      if (changes.length > 0) applyDraft(view, changes, now);
      else draft.decided.pop();
      for (const change of changes) draft.changes.push(change);
      Object.assign(decided, { changes, sentences: firstOf(sentences), decideMs: clock.monotonicMs() - startedMs });
    }
    draft.settled = draft.changes.length === changesBefore;
    if (draft.settled) return;
  }
}

/** Of thousands of tasks of one deployment, some tell the story. */
function firstOf(sentences: readonly string[]): readonly string[] {
  return sentences.length <= sentencesTold ? sentences : [...sentences.slice(0, sentencesTold), `and ${sentences.length - sentencesTold} more`];
}

function namesOf({ decided }: Draft): string {
  return [...new Set(decided.map(({ subsystem }) => subsystem))].join(', ');
}

/** Waits for news (or for rings of the own commits, which are none), or until the wall clock says `atMs`. */
async function untilChangeOrTime(bell: Bell, isNews: () => boolean, atMs: number | undefined, clock: Clock, signal: AbortSignal): Promise<void> {
  let isTime = false;
  const cancel =
    atMs === undefined
      ? () => undefined
      : clock.after(Math.max(minLookAgainMs, atMs - clock.wallMs()), () => {
          isTime = true;
          bell.ring();
        });
  try {
    do await bell.wait(signal);
    while (!isTime && !isNews());
  } finally {
    cancel();
  }
}
