import { expect, test } from 'vitest';
import type { RestartPolicy } from '../../model/src/index.js';
import { aCluster, aService, aTemplate } from '../../model/src/testing/index.js';
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
    world.after(100);
  }
  expect(world.tasks().map(({ status }) => status.state)).toEqual(['failed', 'failed', 'running']);
});
