import { Bug, describeError, ignoreAbort, isTemporary, type Clock, type Random, type Trace } from '../../base/src/index.js';
import type { Revision } from '../../model/src/index.js';
import type { ElectionPort, LeaderRecord } from '../../store/src/index.js';
import type { ControlEvent } from './events.js';

/** A leader shows that it lives this often. */
export const beatMs = 300;
/** A leader that was silent for so long is replaced; a leader that could not write for so long steps down by itself. */
export const staleMs = 1200;
/** Candidates wait a little longer, each its own time, so that they seldom meet. */
const jitterMs = 150;
const pollMs = 150;

export interface CampaignOptions {
  election: ElectionPort;
  managerId: string;
  clock: Clock;
  random: Random;
  trace: Trace<ControlEvent>;
  /** Ends the campaign; a leader resigns first, so that another takes over at once. */
  signal: AbortSignal;
  /**
   * What the leader does. It runs until its signal is aborted, which means: out of office. Writes are safe even
   * if it is slow to notice, as long as they go through `store.fencedBy(epoch)`.
   */
  onElected: (epoch: Revision, signal: AbortSignal) => Promise<void>;
}

/**
 * Stands for election, leads, and stands again, until aborted. Rejects when `onElected` does.
 *
 * Nobody trusts a clock of another: a standby takes over when the beat has not changed for `staleMs` of its own
 * monotonic time while the store answered. What makes it safe is not the timing but the store's guarded writes.
 */
export async function campaign(options: CampaignOptions): Promise<void> {
  const { signal, managerId, trace } = options;
  while (!signal.aborted) {
    const epoch = await standBy(options);
    if (epoch === undefined) return;
    trace({ event: 'elected', managerId, epoch });
    await lead(options, epoch);
  }
}

/** Waits for a vacant office and takes it; `undefined`: aborted. */
async function standBy({ election, managerId, clock, random, trace, signal }: CampaignOptions): Promise<Revision | undefined> {
  let seen: LeaderRecord | undefined;
  let seenAtMs = 0;
  let patienceMs = staleMs;
  while (!signal.aborted) {
    try {
      const record = await election.readLeader(signal);
      const nowMs = clock.monotonicMs();
      if (!seen || record.beat !== seen.beat || record.epoch !== seen.epoch) {
        seen = record;
        seenAtMs = nowMs;
        patienceMs = staleMs + random.below(jitterMs);
      }
      const vacant = record.managerId === '' || record.managerId === managerId;
      if (vacant || nowMs - seenAtMs >= patienceMs) {
        const epoch = await election.takeLead(managerId, record, signal);
        if (epoch !== undefined) return epoch;
        continue;
      }
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isTemporary(error)) throw error;
      // While the store does not answer, a live leader cannot beat either: its silence begins anew.
      seen = undefined;
      trace({ event: 'election-store-failed', error: describeError(error) });
    }
    await clock.sleep(pollMs, signal).catch(ignoreAbort(signal));
  }
  return undefined;
}

/** Holds the office until it is lost, given up, or the work fails. */
async function lead(options: CampaignOptions, epoch: Revision): Promise<void> {
  const { election, signal, trace, managerId, onElected } = options;
  const office = new AbortController();
  const leave = (reason: string) => {
    if (office.signal.aborted) return;
    trace({ event: 'left-office', managerId, epoch, reason });
    office.abort(new Error(`no longer leading: ${reason}`));
  };
  const onAbort = () => leave('the manager is being stopped');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const beating = keepBeating(options, epoch, office.signal, leave);
  try {
    await onElected(epoch, office.signal);
    if (!office.signal.aborted) throw new Bug('the work of a leader ended while it was in office');
  } finally {
    leave('its work failed');
    signal.removeEventListener('abort', onAbort);
    await beating;
    await resign(election, epoch, trace);
  }
}

async function keepBeating(
  { election, clock, trace }: CampaignOptions,
  epoch: Revision,
  inOffice: AbortSignal,
  leave: (reason: string) => void,
): Promise<void> {
  const silent = () => leave(`the store has not confirmed the office for ${staleMs} ms`);
  let cancel = clock.after(staleMs, silent);
  while (!inOffice.aborted) {
    const askedAtMs = clock.monotonicMs();
    try {
      if (!(await election.beat(epoch, inOffice))) leave('another manager leads');
      cancel();
      // Counted from the question: the answer may have waited in a paused process.
      cancel = clock.after(Math.max(0, staleMs - (clock.monotonicMs() - askedAtMs)), silent);
    } catch (error) {
      if (!isTemporary(error) && !inOffice.aborted) leave(describeError(error));
      else trace({ event: 'election-store-failed', error: describeError(error) });
    }
    await clock.sleep(beatMs, inOffice).catch(ignoreAbort(inOffice));
  }
  cancel();
}

/** Without it the others only wait out the staleness: so a failure is told and no more. */
async function resign(election: ElectionPort, epoch: Revision, trace: Trace<ControlEvent>): Promise<void> {
  try {
    await election.resign(epoch);
  } catch (error) {
    trace({ event: 'election-store-failed', error: describeError(error) });
  }
}
