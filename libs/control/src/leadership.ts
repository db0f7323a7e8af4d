import { isRefused, type Clock, type Random, type Trace } from '../../base/src/index.js';
import type { Revision } from '../../model/src/index.js';
import type { ElectionPort, Store } from '../../store/src/index.js';
import { campaign } from './campaign.js';
import type { ControlEvent } from './events.js';

/** What a leader has to do its duties with. */
export interface Office {
  /** Refuses every commit once the office is lost. */
  store: Store;
  epoch: Revision;
  /** Aborted when the office is lost. */
  signal: AbortSignal;
}

/** Something that runs in one manager only. It ends when the office does. */
export type Duty = (office: Office) => Promise<void>;

export interface LeadershipOptions {
  store: Store & ElectionPort;
  managerId: string;
  duties: readonly Duty[];
  clock: Clock;
  random: Random;
  trace: Trace<ControlEvent>;
  signal: AbortSignal;
}

/**
 * Stands for election until aborted and does the duties while leading. Rejects when a duty fails; a write that the
 * store refused because the office was lost is no failure.
 */
export async function runLeadership({ store, duties, ...options }: LeadershipOptions): Promise<void> {
  await campaign({
    ...options,
    election: store,
    onElected: (epoch, signal) => doDuties(duties, { store: store.fencedBy(epoch), epoch, signal }),
  });
}

/** All end when one fails, and when the office ends. */
async function doDuties(duties: readonly Duty[], { store, epoch, signal }: Office): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const outcomes = duties.map((duty) =>
    duty({ store, epoch, signal: either }).catch((error: unknown) => {
      failure.abort(error);
      throw error;
    }),
  );
  const settled = await Promise.allSettled([...outcomes, untilAborted(either)]);
  if (signal.aborted) return;
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed && !isRefused(failed.reason, 'precondition')) throw failed.reason;
  await untilAborted(signal); // deposed: the beat is about to be told so too
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
