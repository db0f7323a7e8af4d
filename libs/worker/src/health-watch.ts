import { describeError, type Clock } from '../../base/src/index.js';
import type { Runtime } from '../../runtime/src/runtime.js';
import { afterProbe, initialHealth, probeDelayMs, type HealthPlan, type HealthState } from './health.js';

const maxOutputBytes = 4096;

/** Probes a running container until it is unhealthy or the signal is aborted, and tells every change of its health. */
export async function watchHealth(
  { runtime, clock }: { runtime: Runtime; clock: Clock },
  containerId: string,
  plan: HealthPlan,
  { status, onChange, signal }: { status: 'starting' | 'healthy'; onChange: (status: HealthState['status']) => void; signal: AbortSignal },
): Promise<void> {
  const startedMs = clock.monotonicMs();
  let state: HealthState = { ...initialHealth, status };
  while (state.status !== 'unhealthy') {
    await clock.sleep(probeDelayMs(plan, state, clock.monotonicMs() - startedMs), signal);
    // What is frozen cannot answer, and is not ill of it.
    if ((await runtime.status(containerId))?.state === 'paused') continue;
    const probe = await runtime
      .exec(containerId, { argv: plan.argv, timeoutMs: plan.timeoutMs, maxOutputBytes }, signal)
      .catch((error: unknown) => ({ exitCode: -1, output: describeError(error) }));
    signal.throwIfAborted();
    const next = afterProbe(plan, state, probe, clock.monotonicMs() - startedMs);
    if (next.status !== state.status) onChange(next.status);
    state = next;
  }
}
