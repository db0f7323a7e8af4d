import type { Service } from '../api-client/types.js';
import type { Baseline } from '../progress/convergence.js';
import { finishWait } from '../progress/finish.js';
import type { Awaited } from '../progress/observe.js';
import { progressView } from '../progress/view.js';
import { waitForServices } from '../progress/wait.js';
import type { Session } from '../session.js';
import { timeoutMsOf, type WaitFlags } from './wait-flags.js';

/** What has converged must stay so for this long, in case its containers end at once. */
const monitorMs = 1_000;

export interface AwaitOptions {
  services: Awaited[];
  baseline: Baseline;
  flags: WaitFlags;
  /** False when nothing was changed: then one look is enough if all is well. */
  changed: boolean;
  watchCommand: string;
  /** The rollback is what was asked for. */
  rollsBack?: boolean;
}

/** Shows progress until the services have converged; anything else ends the command with its own status. */
export async function awaitServices(session: Session, options: AwaitOptions): Promise<void> {
  const { services, baseline, flags, changed, watchCommand } = options;
  if (flags.detach || services.length === 0) return;
  const result = await waitForServices(session, services, {
    timeoutMs: timeoutMsOf(flags),
    monitorMs: changed ? monitorMs : 0,
    baseline,
    view: progressView(session, flags.quiet ?? false),
  });
  for (const { name, outcome } of result.services) {
    if (outcome === 'canary') session.out.write(`next: shoal service promote ${name}   |   shoal service abort ${name}\n`);
  }
  if (options.rollsBack && result.end === 'rolled-back') return;
  await finishWait(session, result, watchCommand);
}

export function awaited(services: Service[]): Awaited[] {
  return services.map(({ ID, Spec }) => ({ id: ID, name: Spec.Name }));
}
