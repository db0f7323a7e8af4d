import { stackFilter } from '../api-client/filters.js';
import type { Service } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import { Interrupted } from '../failure-report.js';
import type { Session } from '../session.js';
import { timeoutMsOf, type WaitFlags } from './wait-flags.js';

const pollMs = 200;

/** The manager removes what the files no longer have when all else has converged: waits until it has. */
export async function awaitPruned(session: Session, stack: string, names: string[], flags: WaitFlags): Promise<void> {
  if (names.length === 0) return;
  const { clock, interrupt } = session;
  const deadline = clock.monotonicMs() + timeoutMsOf(flags);
  try {
    for (;;) {
      const services = (await session.api().get<Service[] | null>('/services', { filters: stackFilter(stack), signal: interrupt })) ?? [];
      const left = names.filter((name) => services.some(({ Spec }) => Spec.Name === name));
      if (left.length === 0) break;
      if (clock.monotonicMs() >= deadline) throw new Failure(exitStatus.notConverged, `not removed in time: ${left.join(', ')}; the manager removes them once all else of the stack has converged`);
      await clock.sleep(pollMs, interrupt);
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Failure(exitStatus.interrupted, `interrupted: the removal continues in background; watch with: shoal stack services ${stack}`);
  }
  if (!flags.quiet) for (const name of names) session.out.write(`${name}: removed\n`);
}
