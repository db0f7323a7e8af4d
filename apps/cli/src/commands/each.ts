import { exitStatus, Failure } from '../exit-status.js';
import { describeStatusOf } from '../failure-report.js';
import type { Session } from '../session.js';

/**
 * Does `job` for each name in turn. A refused name does not stop the others;
 * all refusals are printed and the status is that of the first.
 */
export async function forEachName(session: Session, names: string[], job: (name: string) => Promise<void>): Promise<void> {
  const failures: { status: Failure['status']; message: string }[] = [];
  for (const name of names) {
    try {
      await job(name);
    } catch (error) {
      const failure = describeStatusOf(error, session);
      if (failure.status === exitStatus.unreachable || failure.status === exitStatus.interrupted) throw error;
      failures.push(failure);
    }
  }
  if (failures.length > 0) throw new Failure(failures[0]!.status, failures.map((f) => f.message).join('\n'));
}
