import { expect, test } from 'vitest';
import { isRefused } from '../../base/src/index.js';
import { hasEnded, orderChanges, type ServiceOrder, type ServiceSpec, type UpdateConfig } from '../../model/src/index.js';
import { applyChanges, aService, aTemplate, type World } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

function order(world: World, order: ServiceOrder): void {
  applyChanges(world.view, orderChanges(world.view, world.view.get('service', 'web')!, order, world.nowMs));
}

function refusal(world: World, what: ServiceOrder): string {
  try {
    order(world, what);
  } catch (error) {
    if (isRefused(error, 'precondition')) return error.message;
    throw error;
  }
  return 'it was done';
}

const web = (world: World) => world.view.get('service', 'web')!;
const versions = (world: World) => world.alive().map(({ templateVersion }) => templateVersion).sort();
const two = (spec: ServiceSpec): ServiceSpec => ({ ...spec, template: aTemplate({ container: { image: 'shoal/whoami:2' } }) });

/** Four tasks, one of which has been replaced. */
function halfway(update: Partial<UpdateConfig> = {}, labels: Record<string, string> = {}): World {
  const world = aWorldOf([aService({ replicas: 4, spec: { labels, update: { parallelism: 1, delayNs: 20e9, ...update } } })]);
  world.settle();
  world.nowMs += 60_000;
  world.changeService('web', two);
  world.settle();
  return world;
}

test('a paused update replaces nothing more, says so, and goes on when it is resumed', () => {
  const world = halfway();
  order(world, 'pause');
  expect(world.settle()).toEqual(['service web: update paused by the user']);
  expect(world.after(3_600_000)).toEqual([]);
  expect(versions(world)).toEqual([1, 1, 1, 2]);
  order(world, 'resume');
  expect(world.settle().slice(0, 2)).toEqual(['create web.2, prepared only: the one before is outdated', 'service web: update in progress: it was resumed']);
  for (let round = 0; round < 12; round++) world.after(10_000);
  expect(versions(world)).toEqual([2, 2, 2, 2]);
  expect(web(world).status.update?.state).toBe('completed');
});

test('what crashes while an update is paused is made anew', () => {
  const world = halfway();
  order(world, 'pause');
  world.settle();
  world.report(3, 'failed', { exitCode: 1 });
  world.settle();
  world.after(5_000);
  expect(world.alive().filter(({ status }) => status.state === 'running')).toHaveLength(4);
});

test('an update that paused because it failed is resumed too, and what failed before is forgiven', () => {
  const world = halfway();
  world.report(1, 'failed', { exitCode: 1 });
  world.settle();
  expect(web(world).status.update?.state).toBe('paused');
  order(world, 'resume');
  for (let round = 0; round < 12; round++) world.after(10_000);
  expect(web(world).status.update?.state).toBe('completed');
  expect(versions(world)).toEqual([2, 2, 2, 2]);
});

test('resumed once is not resumed for ever: it pauses at the next failure', () => {
  const world = halfway();
  order(world, 'pause');
  world.settle();
  world.nowMs += 1000;
  order(world, 'resume');
  world.after(20_000);
  world.report(2, 'failed', { exitCode: 1 });
  world.settle();
  expect(web(world).status.update?.state).toBe('paused');
  expect(world.after(60_000).filter((sentence) => sentence.startsWith('service'))).toEqual([]);
});

test('a pause that is taken back before anybody has seen it changes nothing', () => {
  const world = halfway();
  order(world, 'pause');
  order(world, 'resume');
  for (let round = 0; round < 12; round++) world.after(10_000);
  expect(web(world).status.update?.state).toBe('completed');
});

test('another change of the service ends the pause', () => {
  const world = halfway();
  order(world, 'pause');
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ container: { image: 'shoal/whoami:3' } }) }));
  expect(web(world).orders).toBeUndefined();
  for (let round = 0; round < 20; round++) world.after(10_000);
  expect(web(world).status.update?.state).toBe('completed');
});

test('an aborted update goes back: only what it has made is replaced', () => {
  const world = halfway();
  const old = world.alive().filter(({ templateVersion }) => templateVersion === 1).map(({ id }) => id);
  order(world, 'abort');
  expect(web(world).status.update).toMatchObject({ state: 'rollback_started', message: 'update aborted by the user' });
  for (let round = 0; round < 4; round++) world.after(10_000);
  expect(web(world).status.update?.state).toBe('rollback_completed');
  expect(versions(world)).toEqual([1, 1, 1, 1]);
  expect(world.alive().map(({ id }) => id)).toEqual(expect.arrayContaining(old));
});

test('a rollback is paused and resumed as an update is', () => {
  const world = halfway({ parallelism: 2 });
  order(world, 'abort');
  order(world, 'pause');
  expect(world.settle()).toContain('service web: rollback paused by the user');
  order(world, 'resume');
  for (let round = 0; round < 4; round++) world.after(10_000);
  expect(web(world).status.update?.state).toBe('rollback_completed');
});

test('a canary: so many tasks are new, then it waits until it is promoted', () => {
  const world = halfway({ delayNs: 0 }, { 'shoal.update.canary': '1' });
  expect(world.after(5_000)).toEqual(['service web: canary: 1 of 4 tasks are new; the others wait for the update to be promoted or aborted']);
  expect(world.after(24 * 3_600_000)).toEqual([]);
  expect(versions(world)).toEqual([1, 1, 1, 2]);
  order(world, 'promote');
  expect(world.settle().slice(0, 2)).toEqual(['create web.2, prepared only: the one before is outdated', 'service web: update in progress: the canary was promoted']);
  expect(world.after(5_000)).toEqual(['service web: update completed']);
  expect(versions(world)).toEqual([2, 2, 2, 2]);
});

test.each([['25%', 1], ['26%', 2], ['2', 2], ['1%', 1]])('a canary of %s of four tasks is %d', (canary, count) => {
  const world = halfway({ delayNs: 0, parallelism: 0, order: 'start-first' }, { 'shoal.update.canary': canary });
  world.after(5_000);
  world.after(5_000);
  expect(world.alive().filter(({ templateVersion }) => templateVersion === 2)).toHaveLength(count);
  expect(web(world).status.update?.state).toBe('canary');
});

test('an aborted canary goes, and the others have not noticed', () => {
  const world = halfway({ delayNs: 0, order: 'start-first' }, { 'shoal.update.canary': '1' });
  world.after(5_000);
  world.after(5_000);
  const old = world.alive().filter(({ templateVersion }) => templateVersion === 1).map(({ id }) => id);
  order(world, 'abort');
  for (let round = 0; round < 4; round++) world.after(10_000);
  expect(versions(world)).toEqual([1, 1, 1, 1]);
  expect(world.alive().map(({ id }) => id)).toEqual(expect.arrayContaining(old));
});

test('a canary that fails while it waits is a failure of the update, however long it has run', () => {
  const world = halfway({ delayNs: 0, failureAction: 'rollback' }, { 'shoal.update.canary': '1' });
  world.after(5_000);
  world.nowMs += 3_600_000;
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.settle()[0]).toMatch(/^service web: update rolled back due to failure or early termination of task/);
  for (let round = 0; round < 4; round++) world.after(10_000);
  expect(versions(world)).toEqual([1, 1, 1, 1]);
});

test('while a canary waits, an old task that crashes comes back as what it was', () => {
  const world = halfway({ delayNs: 0 }, { 'shoal.update.canary': '1' });
  world.after(5_000);
  world.report(3, 'failed', { exitCode: 1 });
  world.settle();
  world.after(5_000);
  expect(versions(world)).toEqual([1, 1, 1, 2]);
  expect(world.alive().filter(({ status }) => status.state === 'running')).toHaveLength(4);
  order(world, 'promote');
  world.settle();
  world.after(5_000);
  expect(versions(world)).toEqual([2, 2, 2, 2]);
});

test('a service that is new has no canaries: there is nothing to compare with', () => {
  const world = aWorldOf([aService({ replicas: 4, spec: { labels: { 'shoal.update.canary': '1' } } })]);
  world.settle();
  expect(world.alive()).toHaveLength(4);
  expect(web(world).status.update).toBeUndefined();
});

test('a stopped service has no tasks, keeps its number, and starts with it again', () => {
  const world = aWorldOf([aService({ replicas: 2 })]);
  world.settle();
  order(world, 'stop');
  expect(world.settle()).toEqual(['shut down web.1 on node-a: the service is stopped', 'shut down web.2 on node-b: the service is stopped']);
  expect(world.tasks().every(hasEnded)).toBe(true);
  expect(world.after(3_600_000)).toEqual([]);
  expect(web(world).spec.mode).toEqual({ kind: 'replicated', replicas: 2 });
  order(world, 'start');
  expect(world.settle()).toEqual(['create web.1: the one before is gone', 'create web.2: the one before is gone']);
});

test('a global service stops and starts as well', () => {
  const world = aWorldOf([aService({ spec: { mode: { kind: 'global' } } })]);
  world.settle();
  order(world, 'stop');
  world.settle();
  expect(world.alive()).toEqual([]);
  order(world, 'start');
  world.settle();
  expect(world.alive()).toHaveLength(3);
});

test('a new version of a stopped service leaves it stopped; another number of tasks starts it', () => {
  const world = aWorldOf([aService({ replicas: 2 })]);
  world.settle();
  order(world, 'stop');
  world.settle();
  world.changeService('web', two);
  world.settle();
  expect(world.alive()).toEqual([]);
  world.scale('web', 3);
  world.settle();
  expect(versions(world)).toEqual([2, 2, 2]);
});

test('a restart replaces every task by the rules of an update', () => {
  const world = aWorldOf([aService({ replicas: 2, spec: { update: { parallelism: 1, order: 'start-first' } } })]);
  world.settle();
  const before = world.alive().map(({ id }) => id);
  order(world, 'restart');
  expect(world.settle()).toEqual(['create web.1: the one before is outdated', 'service web: update in progress']);
  for (let round = 0; round < 3; round++) world.after(5_000);
  expect(world.alive().filter(({ id }) => before.includes(id))).toEqual([]);
  expect(web(world).status.update?.state).toBe('completed');
});

test('what there is nothing to do about is refused with the reason', () => {
  const world = aWorldOf([aService({ replicas: 1 })]);
  world.settle();
  expect(refusal(world, 'pause')).toBe('web: no update is under way, so there is nothing to pause');
  expect(refusal(world, 'resume')).toBe('web: no update is paused, so there is nothing to resume');
  expect(refusal(world, 'abort')).toBe('web: no update is under way, so there is nothing to abort');
  expect(refusal(world, 'promote')).toBe('web: no canary waits to be promoted');
  order(world, 'stop');
  expect(refusal(world, 'restart')).toBe('web is stopped: start it');
});

test('while a canary waits, an old task that still stops is followed by one of its version once it has ended', () => {
  const world = halfway({ delayNs: 0 }, { 'shoal.update.canary': '1' });
  world.after(5_000);
  const obedient = world.agents;
  world.agents = () => ({ changes: [] });
  const { status, ...task } = world.newest(3);
  applyChanges(world.view, [{ action: 'update', kind: 'task', object: { ...task, status, desiredState: 'shutdown' } }]);
  const ofSlot = () => world.settle().filter((sentence) => sentence.includes('web.3'));
  expect(ofSlot()).toEqual([]);
  world.agents = obedient;
  expect(ofSlot()).toEqual(['create web.3: the one before is gone']);
  expect(versions(world)).toEqual([1, 1, 1, 2]);
});
