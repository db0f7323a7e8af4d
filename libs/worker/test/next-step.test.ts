import { describe, expect, it } from 'vitest';
import type { TaskState } from '../../model/src/index.js';
import { nextStep, type Observed } from '../src/index.js';

const nowMs = 1_000_000;

function unready(observed: Observed): Observed {
  return { ...observed, status: { ...observed.status, unready: true } };
}

function observed(state: TaskState, container: Observed['container'] = 'none', health: Observed['health'] = 'none'): Observed {
  return { status: { state, timestamp: '', message: '', error: '' }, container, health, stopped: false };
}

function step(seen: Observed, desiredState: TaskState = 'running', startAfterMs = 0) {
  return nextStep({ desiredState, startAfterMs }, seen, nowMs);
}

describe('the next step of a task that is to run', () => {
  it.each<[string, Observed, string]>([
    ['was just assigned', observed('assigned'), 'accept'],
    ['is accepted', observed('accepted'), 'prepare'],
    ['was being prepared when the agent ended', observed('preparing'), 'prepare'],
    ['is ready', observed('ready', 'created'), 'start'],
    ['has started and has no health check', observed('starting', 'running'), 'declare-running'],
    ['has started and is not yet healthy', observed('starting', 'running', 'starting'), 'wait'],
    ['became healthy', observed('starting', 'running', 'healthy'), 'declare-running'],
    ['serves', observed('running', 'running', 'healthy'), 'wait'],
    ['became unhealthy', observed('running', 'running', 'unhealthy'), 'stop'],
    ['fails its health check for the first time', observed('running', 'running', 'ailing'), 'tell-readiness'],
    ['still fails it', unready(observed('running', 'running', 'ailing')), 'wait'],
    ['is well again', unready(observed('running', 'running', 'healthy')), 'tell-readiness'],
    ['has lost its health check', unready(observed('running', 'running')), 'tell-readiness'],
    ['has failed it often enough', unready(observed('running', 'running', 'unhealthy')), 'stop'],
    ['has exited', observed('running', 'exited'), 'finish'],
    ['lost its container', observed('running', 'none'), 'finish'],
    ['has failed', observed('failed', 'exited'), 'clean-up'],
    ['is cleaned up', observed('failed'), 'wait'],
  ])('that %s', (_what, seen, kind) => {
    expect(step(seen).kind).toBe(kind);
  });

  it('waits for its start time, and is not even prepared before: an image that cannot be had is asked for no more often', () => {
    for (const seen of [observed('accepted'), observed('preparing'), observed('ready', 'created')]) {
      expect(step(seen, 'running', nowMs + 5_000)).toEqual({ kind: 'wait', atMs: nowMs + 5_000 });
    }
  });

  it('stays ready while that is all that is wanted', () => {
    expect(step(observed('ready', 'created'), 'ready')).toEqual({ kind: 'wait' });
  });

  it('is never run again once it was started', () => {
    for (const state of ['starting', 'running', 'complete', 'failed', 'shutdown'] as const) {
      expect(['accept', 'prepare', 'start']).not.toContain(step(observed(state)).kind);
    }
  });
});

describe('the next step of a task that is to end', () => {
  it.each<[string, Observed, string]>([
    ['serves', observed('running', 'running'), 'stop'],
    ['was never started', observed('ready', 'created'), 'finish'],
    ['has no container yet', observed('assigned'), 'finish'],
    ['has exited', observed('running', 'exited'), 'finish'],
    ['has ended', observed('shutdown', 'exited'), 'clean-up'],
  ])('that %s', (_what, seen, kind) => {
    for (const desired of ['shutdown', 'remove'] as const) expect(step(seen, desired).kind).toBe(kind);
  });

  it('leaves a job, which is to complete by itself, alone', () => {
    expect(step(observed('running', 'running'), 'complete').kind).toBe('wait');
  });
});
