import { describeError, type Clock } from '../../base/src/index.js';
import type { Runtime } from '../../runtime/src/runtime.js';
import type { Observed } from './next-step.js';
import { afterProbe, initialHealth, probeDelayMs, type HealthPlan, type HealthState } from './health.js';

const maxOutputBytes = 4096;

/** Probes a running container until it is unhealthy or the signal is aborted, and tells every change of its health. */
export async function watchHealth(
  { runtime, clock }: { runtime: Runtime; clock: Clock },
  containerId: string,
  plan: HealthPlan,
  { health, onChange, signal }: { health: 'starting' | 'healthy' | 'ailing'; onChange: (health: Observed['health'], output: string) => void; signal: AbortSignal },
): Promise<void> {
  const startedMs = clock.monotonicMs();
  let state: HealthState = health === 'ailing' ? { ...initialHealth, status: 'healthy', failingStreak: 1 } : { ...initialHealth, status: health };
  while (state.status !== 'unhealthy') {
    await clock.sleep(probeDelayMs(plan, state, clock.monotonicMs() - startedMs), signal);
    // What is frozen cannot answer, and is not ill of it.
    if ((await runtime.status(containerId))?.state === 'paused') continue;
    const probe = await runtime
      .exec(containerId, { argv: plan.argv, timeoutMs: plan.timeoutMs, maxOutputBytes }, signal)
      .catch((error: unknown) => ({ exitCode: -1, output: describeError(error) }));
    signal.throwIfAborted();
    const next = afterProbe(plan, state, probe, clock.monotonicMs() - startedMs);
    if (shown(next) !== shown(state)) onChange(shown(next), next.lastOutput);
    state = next;
  }
}

/** One failed check is enough to send no new connections; it takes more to end the task. */
function shown({ status, failingStreak }: HealthState): Observed['health'] {
  return status === 'healthy' && failingStreak > 0 ? 'ailing' : status;
}
