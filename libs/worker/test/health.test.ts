import { describe, expect, it } from 'vitest';
import { afterProbe, healthPlan, initialHealth, probeDelayMs, type HealthState } from '../src/index.js';

const second = 1e9;

describe('the health check that applies', () => {
  it("is the image's, with Docker's defaults", () => {
    expect(healthPlan(undefined, { test: ['CMD', 'true'] })).toEqual({
      argv: ['true'],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      startIntervalMs: 5_000,
      retries: 3,
    });
  });

  it("is the service's where it says something, and the image's where not", () => {
    const plan = healthPlan({ test: [], intervalNs: 2 * second }, { test: ['CMD-SHELL', 'curl x'], timeoutNs: second, retries: 7 }, ['/bin/bash', '-c']);
    expect(plan).toMatchObject({ argv: ['/bin/bash', '-c', 'curl x'], intervalMs: 2_000, timeoutMs: 1_000, retries: 7 });
  });

  it('can be switched off', () => {
    expect(healthPlan({ test: ['NONE'] }, { test: ['CMD', 'true'] })).toBeUndefined();
    expect(healthPlan(undefined, undefined)).toBeUndefined();
  });
});

describe('health after probes', () => {
  const plan = healthPlan({ test: ['CMD', 'true'], startPeriodNs: 10 * second, retries: 2 }, undefined)!;
  const probe = (state: HealthState, exitCode: number, sinceStartMs: number) => afterProbe(plan, state, { exitCode, output: '' }, sinceStartMs);

  it('ignores failures of the start period, until the first success', () => {
    let state = probe(probe(probe(initialHealth, 1, 1_000), 1, 2_000), 1, 3_000);
    expect(state).toMatchObject({ status: 'starting', failingStreak: 0 });
    state = probe(state, 0, 4_000);
    expect(state.status).toBe('healthy');
    state = probe(probe(state, 1, 5_000), 1, 6_000);
    expect(state.status).toBe('unhealthy');
  });

  it('needs failures in a row', () => {
    const state = [1, 0, 1, 0, 1].reduce((before, code) => probe(before, code, 20_000), initialHealth);
    expect(state).toMatchObject({ status: 'healthy', failingStreak: 1 });
  });

  it('probes at the start interval only while starting within the start period', () => {
    expect(probeDelayMs(plan, initialHealth, 1_000)).toBe(5_000);
    expect(probeDelayMs(plan, initialHealth, 11_000)).toBe(30_000);
    expect(probeDelayMs(plan, { ...initialHealth, status: 'healthy' }, 1_000)).toBe(30_000);
  });
});
