import { defaults, type Healthcheck } from '../../model/src/index.js';

/** A health check with every default filled in, times in milliseconds. Semantics: Docker's. */
export interface HealthPlan {
  argv: string[];
  intervalMs: number;
  timeoutMs: number;
  startPeriodMs: number;
  startIntervalMs: number;
  retries: number;
}

export interface HealthState {
  status: 'starting' | 'healthy' | 'unhealthy';
  failingStreak: number;
  lastOutput: string;
}

export const initialHealth: HealthState = { status: 'starting', failingStreak: 0, lastOutput: '' };

const shellDefault = ['/bin/sh', '-c'];

/** The check that applies: the service's over the image's. `undefined`: none, or switched off. */
export function healthPlan(service: Healthcheck | undefined, image: Healthcheck | undefined, shell = shellDefault): HealthPlan | undefined {
  const test = service?.test.length ? service.test : (image?.test ?? []);
  const argv = argvOf(test, shell);
  if (!argv) return undefined;
  const pick = (key: 'intervalNs' | 'timeoutNs' | 'startPeriodNs' | 'startIntervalNs', fallbackNs: number) =>
    (service?.[key] || image?.[key] || fallbackNs) / 1e6;
  return {
    argv,
    intervalMs: pick('intervalNs', defaults.healthIntervalNs),
    timeoutMs: pick('timeoutNs', defaults.healthTimeoutNs),
    startPeriodMs: pick('startPeriodNs', 0),
    startIntervalMs: pick('startIntervalNs', defaults.healthStartIntervalNs),
    retries: service?.retries || image?.retries || defaults.healthRetries,
  };
}

function argvOf(test: string[], shell: string[]): string[] | undefined {
  const [form, ...rest] = test;
  if (form === 'CMD' && rest.length > 0) return rest;
  if (form === 'CMD-SHELL' && rest[0] !== undefined) return [...shell, rest[0]];
  return undefined;
}

/** How long after the last probe ended the next one begins. */
export function probeDelayMs(plan: HealthPlan, state: HealthState, sinceStartMs: number): number {
  return state.status === 'starting' && sinceStartMs < plan.startPeriodMs ? plan.startIntervalMs : plan.intervalMs;
}

/** The state after a probe. A failure inside the start period, while still starting, does not count. */
export function afterProbe(plan: HealthPlan, state: HealthState, probe: { exitCode: number; output: string }, sinceStartMs: number): HealthState {
  if (probe.exitCode === 0) return { status: 'healthy', failingStreak: 0, lastOutput: probe.output };
  if (state.status === 'starting' && sinceStartMs < plan.startPeriodMs) return { ...state, lastOutput: probe.output };
  const failingStreak = state.failingStreak + 1;
  return { status: failingStreak >= plan.retries ? 'unhealthy' : state.status, failingStreak, lastOutput: probe.output };
}
