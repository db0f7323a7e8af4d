import { exitStatus, Failure } from '../exit-status.js';
import { palette } from '../output/colour.js';
import type { Session } from '../session.js';
import { failureDigest } from './digest.js';
import { hasConverged, type WaitResult } from './wait.js';

/** Turns the end of a wait into an exit status; everything but success explains itself on stderr. */
export async function finishWait(session: Session, { end, services }: WaitResult, watchCommand: string): Promise<void> {
  if (end === 'converged') return;
  if (end === 'interrupted') {
    throw new Failure(exitStatus.interrupted, `interrupted: it continues in background; watch with: ${watchCommand}`);
  }
  const digest = await failureDigest(session.api(), services, palette(session.err, session.env));
  if (end === 'rolled-back') throw new Failure(exitStatus.rolledBack, digest);
  if (end === 'failed') throw new Failure(exitStatus.failed, digest);
  const open = services.filter((service) => !hasConverged(service)).length;
  const title = `not converged in time: ${open} of ${services.length} services; it continues in background`;
  throw new Failure(exitStatus.notConverged, `${title}\n${digest}`);
}
