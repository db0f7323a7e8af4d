import { ApiError, ManagerUnreachable } from '../api-client/errors.js';
import { Interrupted } from '../failure-report.js';
import type { Session } from '../session.js';
import type { Baseline, ServiceProgress } from './convergence.js';
import { lookAtServices, type Awaited } from './observe.js';
import type { ProgressView } from './view.js';

const pollMs = 200;

/** A manager may fail over while it is waited for. */
const outageToleratedMs = 15_000;

export interface WaitOptions {
  timeoutMs: number;
  /** How long all must stay as they are before it counts. */
  monitorMs: number;
  baseline: Baseline;
  view: ProgressView;
}

export type WaitEnd = 'converged' | 'failed' | 'rolled-back' | 'timeout' | 'interrupted';

export interface WaitResult {
  end: WaitEnd;
  services: ServiceProgress[];
}

/** Looks again and again until every service has converged, one has failed, or time is up. */
export async function waitForServices(session: Session, awaited: Awaited[], options: WaitOptions): Promise<WaitResult> {
  const { clock, interrupt } = session;
  const deadline = clock.monotonicMs() + options.timeoutMs;
  let services: ServiceProgress[] = [];
  let steady = { key: '', sinceMs: 0 };
  let reachedMs = clock.monotonicMs();
  try {
    for (;;) {
      const nowMs = clock.monotonicMs();
      try {
        services = await lookAtServices(session.api(), awaited, options.baseline, interrupt);
        reachedMs = nowMs;
        options.view.show(services);
        const key = services.map((service) => service.stableKey).join('\n');
        if (key !== steady.key || !services.every(hasConverged)) steady = { key, sinceMs: nowMs };
        const end = endOf(services, clock.monotonicMs() - steady.sinceMs >= options.monitorMs);
        if (end) return { end, services };
      } catch (error) {
        if (!isOutage(error) || nowMs - reachedMs > outageToleratedMs) throw error;
      }
      if (clock.monotonicMs() >= deadline) return { end: 'timeout', services };
      await clock.sleep(pollMs, interrupt);
    }
  } catch (error) {
    if (error instanceof Interrupted) return { end: 'interrupted', services };
    throw error;
  }
}

export function hasConverged({ outcome }: ServiceProgress): boolean {
  return outcome === 'converged' || outcome === 'canary' || outcome === 'rolled-back';
}

/** A failure ends the wait at once; a rollback is told when nothing moves any more. */
function endOf(services: ServiceProgress[], steady: boolean): WaitEnd | undefined {
  if (services.some(({ outcome }) => outcome === 'failed')) return 'failed';
  if (!services.every(hasConverged) || !steady) return undefined;
  return services.some(({ outcome }) => outcome === 'rolled-back') ? 'rolled-back' : 'converged';
}

function isOutage(error: unknown): boolean {
  return error instanceof ManagerUnreachable || (error instanceof ApiError && error.status >= 500);
}
