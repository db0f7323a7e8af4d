import { backoffDelayMs, Bell, describeError, isRefused, isTemporary, type Clock, type Random, type Trace } from '../../base/src/index.js';
import type { Decide } from '../../model/src/index.js';
import type { Store } from '../../store/src/index.js';
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
const notSettlingPauseMs = 1000;
/** A decision that wants to be asked again at once is asked at most this often. */
const minLookAgainMs = 20;
/** Changes that arrive in quick succession are answered together: a pass is followed by a rest of up to this. */
const maxRestMs = 100;

/**
 * Lets the subsystems decide whenever something has changed, and commits what they decide, until aborted.
 *
 * 1. Level-triggered: each pass compares the whole view; an event only says that it is time to look.
 * 2. A pass is rounds of all subsystems in order, until none has anything to change. So a deployment settles in one
 *    pass instead of one wake-up per subsystem.
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
  for (let rounds = 1; ; rounds++) {
    const heard = heardNow();
    const round = await decideOnce(options);
    if (round.failed || !round.changed || signal.aborted) return { settled: true, failed: round.failed, heard, lookAgainAtMs: round.lookAgainAtMs };
    if (rounds === maxRounds) {
      trace({ event: 'not-settling', subsystems: subsystems.map(({ name }) => name), rounds });
      return { settled: false, failed: false, heard, lookAgainAtMs: undefined };
    }
  }
}

/** One round: each subsystem decides and commits once. A store failure ends the round. */
async function decideOnce(options: LoopOptions): Promise<{ changed: boolean; failed: boolean; lookAgainAtMs: number | undefined }> {
  let changed = false;
  let lookAgainAtMs: number | undefined;
  for (const subsystem of options.subsystems) {
    if (options.signal.aborted) break;
    const result = await decideAndCommit(options, subsystem);
    if (result.outcome === 'failed') return { changed, failed: true, lookAgainAtMs };
    changed ||= result.outcome === 'changed';
    if (result.lookAgainAtMs !== undefined) lookAgainAtMs = Math.min(lookAgainAtMs ?? Infinity, result.lookAgainAtMs);
  }
  return { changed, failed: false, lookAgainAtMs };
}

async function decideAndCommit(
  { store, clock, random, trace, signal }: LoopOptions,
  { name, decide }: Subsystem,
): Promise<{ outcome: 'changed' | 'unchanged' | 'failed'; lookAgainAtMs?: number | undefined }> {
  try {
    const startedMs = clock.monotonicMs();
    const { changes, lookAgainAtMs, sentences = [] } = decide(store.view(), { nowMs: clock.wallMs(), random });
    if (changes.length === 0) return { outcome: 'unchanged', lookAgainAtMs };
    const decidedMs = clock.monotonicMs();
    const revision = await commitInParts(store, changes, signal, () => trace({ event: 'commit-split', subsystem: name, changes: changes.length }));
    trace({ event: 'decided', subsystem: name, changes: changes.length, sentences, revision, decideMs: decidedMs - startedMs, commitMs: clock.monotonicMs() - decidedMs });
    return { outcome: 'changed', lookAgainAtMs };
  } catch (error) {
    if (signal.aborted) throw error;
    if (isRefused(error, 'conflict') || isRefused(error, 'already-exists')) {
      trace({ event: 'decision-outdated', subsystem: name, reason: error.message });
      return { outcome: 'changed' };
    }
    if (isTemporary(error)) {
      trace({ event: 'control-store-failed', subsystem: name, error: describeError(error), retryMs: storeBackoff.firstMs });
      return { outcome: 'failed' };
    }
    if (isRefused(error, 'precondition')) throw error; // the office is lost: no fault of the subsystem
    trace({ event: 'subsystem-failed', subsystem: name, error: describeError(error) });
    throw error;
  }
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
