import { expect, test } from 'vitest';
import type { ServiceSpec, UpdateConfig } from '../../model/src/index.js';
import { aService, aTemplate, type World } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

const minute = 60_000;
const nowhere = aTemplate({ placement: { constraints: ['node.labels.disk == ssd'], preferences: [], platforms: [] } });

/** A settled service that is sent a version which no node can take. */
function stuck(update: Partial<UpdateConfig>, { labels = {}, replicas = 2 }: { labels?: Record<string, string>; replicas?: number } = {}): World {
  const world = aWorldOf([aService({ replicas, spec: { labels, update: { parallelism: 1, ...update } } })]);
  world.settle();
  world.nowMs += minute;
  world.changeService('web', (spec) => ({ ...spec, template: nowhere }));
  return world;
}

function state(world: World) {
  return world.view.get('service', 'web')!.status.update;
}

function running(world: World): number {
  return world.alive().filter(({ status }) => status.state === 'running').length;
}

/** Ten minutes beside what a slot may take by its own rules: monitor and stop grace. */
const limitMs = 10 * minute + 5_000 + 10_000;

test.each(['stop-first', 'start-first'] as const)('%s: a new task that no node can take costs no old one, and the update pauses after ten minutes with the reason', (order) => {
  const world = stuck({ order });
  world.settle();
  expect(running(world)).toBe(2);
  expect(world.after(limitMs - 1)).toEqual([]);
  expect(world.after(1)).toEqual([
    'service web: update paused because nothing has got on for 10m0s: web.1 is pending: no suitable node (scheduling constraints not satisfied on 3 nodes): wants node.labels.disk == ssd',
  ]);
  expect(running(world)).toBe(2);
  expect(world.after(60 * minute)).toEqual([]);
});

test('with failure action rollback it goes back, and only the new task goes', () => {
  const world = stuck({ order: 'start-first', failureAction: 'rollback' });
  world.settle();
  const before = world.alive().filter(({ status }) => status.state === 'running').map(({ id }) => id);
  expect(world.after(limitMs)[0]).toMatch(/^service web: update rolled back because nothing has got on for 10m0s: web.1 is pending/);
  world.after(5_000);
  expect(state(world)?.state).toBe('rollback_completed');
  expect(world.alive().map(({ id }) => id)).toEqual(before);
});

test('with failure action continue it pauses: there is nothing to go on with', () => {
  const world = stuck({ failureAction: 'continue' });
  world.settle();
  world.after(limitMs);
  expect(state(world)?.state).toBe('paused');
});

test('the service names another deadline, or none', () => {
  const short = stuck({}, { labels: { 'shoal.update.progress-deadline': '1m' } });
  short.settle();
  short.after(minute + 15_000);
  expect(state(short)?.message).toContain('nothing has got on for 1m0s');
  const none = stuck({}, { labels: { 'shoal.update.progress-deadline': 'none' } });
  none.settle();
  none.after(24 * 60 * minute);
  expect(state(none)?.state).toBe('updating');
});

test('each task that gets through gives the others the whole time again', () => {
  const world = aWorldOf([aService({ replicas: 3, spec: { update: { parallelism: 1, delayNs: 9 * minute * 1e6 } } })]);
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ forceUpdate: 1 }) }));
  for (let round = 0; round < 30; round++) world.after(minute);
  expect(state(world)?.state).toBe('completed');
});

test('a pause between two slots that is longer than the deadline is none of its business', () => {
  const world = aWorldOf([aService({ replicas: 2, spec: { update: { parallelism: 1, delayNs: 30 * minute * 1e6 } } })]);
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ forceUpdate: 1 }) }));
  for (let round = 0; round < 62; round++) world.after(minute);
  expect(state(world)?.state).toBe('completed');
});

test('an old task that does not stop is named', () => {
  const world = aWorldOf([aService({ replicas: 1, spec: { update: { parallelism: 1, order: 'start-first' } } })]);
  world.settle();
  const obedient = world.agents;
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ forceUpdate: 1 }) }));
  world.settle();
  world.agents = (view, context) => ({ changes: obedient(view, context).changes.filter((change) => change.action !== 'status' || change.kind !== 'task' || change.status.state !== 'shutdown') });
  world.after(5_000);
  world.after(limitMs);
  expect(state(world)?.message).toBe('update paused because nothing has got on for 10m0s: web.1 does not stop');
});

const oneEach: ServiceSpec['template'] = aTemplate({ placement: { constraints: [], preferences: [], platforms: [], maxReplicas: 1 } });
const large = aTemplate({ resources: { reservations: { memoryBytes: 5 * 2 ** 30 } } });

test.each([
  ['one task per node', oneEach, 3],
  ['room for one on each node', large, 3],
])('start-first with %s, and as many tasks as nodes: each old one makes room, and that is said', (_what, template, replicas) => {
  const world = aWorldOf([aService({ replicas, spec: { template, update: { parallelism: 1, order: 'start-first' } } })]);
  world.settle();
  world.nowMs += minute;
  world.changeService('web', (spec) => ({ ...spec, template: { ...template, forceUpdate: 1 } }));
  const sentences = world.settle();
  expect(sentences).toContain('service web: update in progress: web.1 stops before its successor starts, for no node takes both');
  for (let round = 0; round < 10; round++) sentences.push(...world.after(5_000));
  expect(state(world)?.state).toBe('completed');
  expect(world.alive().map(({ templateVersion, status }) => `${templateVersion} ${status.state}`)).toEqual(['2 running', '2 running', '2 running']);
});

test('an old task makes no room where the new one would not fit either', () => {
  const world = aWorldOf([aService({ replicas: 3, spec: { template: large, update: { parallelism: 1 } } })]);
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ resources: { reservations: { memoryBytes: 9 * 2 ** 30 } } }) }));
  world.after(minute);
  expect(running(world)).toBe(3);
});
