import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RestartPolicy } from '../../model/src/index.js';
import { aCluster, aService, aTemplate } from '../../model/src/testing/index.js';
import { crashLoop } from '../src/index.js';
import { aWorldOf } from './loops.js';

function aWorldWith(restart: RestartPolicy) {
  const world = aWorldOf([aService({ spec: { template: aTemplate({ restart }) } })]);
  world.settle();
  return world;
}

test('a failed task is replaced in its slot after the delay, and stays as history', () => {
  const world = aWorldWith({});
  world.report(1, 'failed', { exitCode: 3 });
  expect(world.settle()).toEqual(['create web.1: the one before is failed, starts in 5 s', 'shut down web.1 on node-a: it is failed']);
  expect(world.newest(1).status.state).toBe('ready');
  world.after(5000);
  expect(world.newest(1).status.state).toBe('running');
  expect(world.tasks().map(({ status }) => status.state)).toEqual(['failed', 'running']);
});

test('on-failure does not restart an exit 0', () => {
  const world = aWorldWith({ condition: 'on-failure' });
  world.report(1, 'complete', { exitCode: 0 });
  expect(world.after(60_000)).toEqual(['shut down web.1 on node-a: it is complete']);
});

test('on-failure restarts a failure', () => {
  const world = aWorldWith({ condition: 'on-failure', delayNs: 0 });
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.settle()[0]).toBe('create web.1: the one before is failed');
});

test('none restarts nothing', () => {
  const world = aWorldWith({ condition: 'none' });
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.settle()).toEqual(['shut down web.1 on node-a: it is failed']);
});

test('any restarts an exit 0', () => {
  const world = aWorldWith({ condition: 'any' });
  world.report(1, 'complete', { exitCode: 0 });
  expect(world.settle()[0]).toBe('create web.1: the one before is complete, starts in 5 s');
});

test('after the last attempt the slot is given up', () => {
  const world = aWorldWith({ maxAttempts: 2, delayNs: 0 });
  const creations: number[] = [];
  for (let round = 0; round < 4; round++) {
    if (world.newest(1).status.state === 'running') world.report(1, 'failed', { exitCode: 1 });
    creations.push(world.after(100).filter((sentence) => sentence.startsWith('create')).length);
  }
  expect(creations).toEqual([1, 1, 0, 0]);
});

test('attempts are counted within the window only', () => {
  const world = aWorldWith({ maxAttempts: 1, delayNs: 0, windowNs: 60e9 });
  for (let round = 0; round < 3; round++) {
    world.after(120_000);
    world.report(1, 'failed', { exitCode: 1 });
    expect(world.after(100)[0]).toBe('create web.1: the one before is failed');
  }
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.after(100)).toEqual(['shut down web.1 on node-a: it is failed']);
});

test('history is kept up to the limit', () => {
  const world = aWorldOf([aService({ spec: { template: aTemplate({ restart: { delayNs: 0 } }) } })], { cluster: [aCluster({ taskHistoryLimit: 2 })] });
  world.settle();
  for (let round = 0; round < 5; round++) {
    world.report(1, 'failed', { exitCode: 1 });
    world.settle();
    world.after(60_000);
  }
  expect(world.tasks().map(({ status }) => status.state)).toEqual(['failed', 'failed', 'running']);
});

/** The waits in seconds between ends and starts, of tasks that each run for so long before they fail. */
function waitsAfter(restart: RestartPolicy, runsMs: readonly number[], historyLimit = 5): number[] {
  const world = aWorldOf([aService({ spec: { template: aTemplate({ restart }) } })], { cluster: [aCluster({ taskHistoryLimit: historyLimit })] });
  world.settle();
  return runsMs.map((runMs) => {
    world.after(runMs - 1);
    world.report(1, 'failed', { exitCode: 1 });
    world.settle();
    const waitMs = Math.max(0, world.newest(1).startAfterMs - world.nowMs);
    world.after(waitMs);
    expect(world.newest(1).status.state).toBe('running');
    return waitMs / 1000;
  });
}

test('a crash loop is restarted after the delay, then after twice as long each time, up to a minute', () => {
  expect(waitsAfter({}, [1, 1, 1, 1, 1, 1])).toEqual([5, 10, 20, 40, 60, 60]);
  expect(waitsAfter({ delayNs: 1e9 }, [1, 1, 1])).toEqual([1, 2, 4]);
  expect(waitsAfter({ delayNs: 0 }, [1, 1, 1, 1, 1, 1, 1, 1])).toEqual([0, 1, 2, 4, 8, 16, 32, 60]);
});

test('a delay longer than a minute stays as it is', () => {
  expect(waitsAfter({ delayNs: 300e9 }, [1, 1, 1])).toEqual([300, 300, 300]);
});

test('a run of ten seconds ends the loop', () => {
  expect(waitsAfter({}, [1, 1, 1, 9_999, 10_000, 1, 10_000, 10_000])).toEqual([5, 10, 20, 40, 5, 10, 5, 5]);
});

test('how long the history is makes no difference', () => {
  expect(waitsAfter({}, [1, 1, 1, 1], 0)).toEqual([5, 10, 20, 40]);
});

test('attempts that are counted within a window keep the delay: a longer one would carry them out of it', () => {
  expect(waitsAfter({ maxAttempts: 9, windowNs: 60e9 }, [1, 1, 1])).toEqual([5, 5, 5]);
});

test('a task that ends with 0 did not crash', () => {
  const world = aWorldWith({});
  for (let round = 0; round < 3; round++) {
    world.report(1, 'complete', { exitCode: 0 });
    expect(world.settle()[0]).toBe('create web.1: the one before is complete, starts in 5 s');
    world.after(5000);
  }
});

test('another version begins anew, at once', () => {
  const world = aWorldWith({});
  for (let round = 0; round < 3; round++) {
    world.report(1, 'failed', { exitCode: 1 });
    world.settle();
    world.after(60_000);
  }
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.settle()[0]).toBe('create web.1: the one before is failed, crashed 4 times in a row, starts in 40 s');
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ forceUpdate: 1 }) }));
  world.settle();
  expect(world.newest(1)).toMatchObject({ templateVersion: 2, status: { state: 'running' } });
});

test('a waiting task of a crash loop says so', () => {
  const world = aWorldWith({});
  for (let round = 0; round < 3; round++) {
    world.report(1, 'failed', { exitCode: 1, error: 'task: non-zero exit (1)' });
    world.settle();
    expect(crashLoop(world.view, world.newest(1))).toBe(
      [undefined, 'crash-looping: task: non-zero exit (1); restarts after 10 s, 2nd time in a row', 'crash-looping: task: non-zero exit (1); restarts after 20 s, 3rd time in a row'][round],
    );
    world.after(60_000);
    expect(crashLoop(world.view, world.newest(1))).toBeUndefined();
    world.nowMs -= 59_000;
  }
});

test('the wait is never shorter than the policy says, nor longer than a minute or that, whatever crashes when', () => {
  const policy = fc.record({ delayNs: fc.integer({ min: 0, max: 120 }).map((s) => s * 1e9) });
  fc.assert(
    fc.property(policy, fc.array(fc.integer({ min: 1, max: 15_000 }), { maxLength: 12 }), (restart, runs) => {
      const waits = waitsAfter(restart, runs);
      const policySeconds = restart.delayNs / 1e9;
      for (const [index, wait] of waits.entries()) {
        expect(wait).toBeGreaterThanOrEqual(policySeconds);
        expect(wait).toBeLessThanOrEqual(Math.max(60, policySeconds));
        if (index === 0 || runs[index]! >= 10_000) expect(wait).toBe(policySeconds);
        else expect(wait).toBeGreaterThanOrEqual(waits[index - 1]!);
      }
    }),
    { numRuns: 60 },
  );
});
