import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ServiceSpec, Task, UpdateConfig } from '../../model/src/index.js';
import { hasEnded } from '../../model/src/index.js';
import { applyChanges, aService, aTemplate, report, type World } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

const bad = (spec: ServiceSpec): ServiceSpec => ({ ...spec, template: aTemplate({ container: { image: 'shoal/whoami:bad' } }) });

/** A settled service that is sent a version whose tasks fail as soon as they run. */
function aWorldThatFails(update: UpdateConfig, { rollback, replicas = 3, more = {} }: { rollback?: UpdateConfig; replicas?: number; more?: Partial<ServiceSpec> } = {}): World {
  const world = aWorldOf([aService({ replicas, spec: { update: { failureAction: 'rollback', ...update }, ...(rollback && { rollback }), ...more } })]);
  world.settle();
  world.nowMs += 60_000;
  const quick = world.agents;
  const isBad = (task: Task) => world.view.templateOf(task)?.container.image === 'shoal/whoami:bad';
  world.agents = (view, context) => ({
    changes: quick(view, context).changes.map((change) => {
      if (change.action !== 'status' || change.kind !== 'task' || change.status.state !== 'running') return change;
      const task = view.get('task', change.id)!;
      return isBad(task) ? report(task, 'failed', context.nowMs, { exitCode: 1, error: 'task: non-zero exit (1)' }) : change;
    }),
  });
  world.changeService('web', bad);
  return world;
}

function update(world: World) {
  return world.view.get('service', 'web')!.status.update;
}

function running(world: World): string[] {
  return world.tasks().filter(({ status }) => status.state === 'running').map(({ id }) => id).sort();
}

test('start-first: the new task goes, the old ones never notice', () => {
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' });
  const before = running(world);
  expect(world.settle()).toEqual([
    'create web.1: the one before is outdated',
    'service web: update in progress',
    `service web: update rolled back due to failure or early termination of task ${world.newest(1).id}`,
    'shut down web.1 on node-a: it is failed',
  ]);
  expect(running(world)).toEqual(before);
  expect(update(world)?.state).toBe('rollback_started');
  expect(world.after(4999)).toEqual([]);
  expect(world.after(1)).toEqual(['service web: rollback completed']);
  expect(update(world)).toMatchObject({ state: 'rollback_completed', message: 'rollback completed' });
  expect(running(world)).toEqual(before);
});

test('start-first: the old task stays although the new one runs for a while before it fails', () => {
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' });
  world.agents = aWorldOf([]).agents;
  const before = running(world);
  world.settle();
  world.after(4900);
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.settle()[0]).toBe(`service web: update rolled back due to failure or early termination of task ${world.newest(1).id}`);
  expect(running(world)).toEqual(before);
});

test('stop-first: only the slot that was on its way gets another task of the version before, without waiting', () => {
  const world = aWorldThatFails({ parallelism: 1 });
  const before = running(world);
  world.settle();
  expect(running(world).filter((id) => before.includes(id))).toHaveLength(2);
  expect(running(world)).toHaveLength(3);
  expect(world.after(5000)).toEqual(['service web: rollback completed']);
});

test('the spec is the one before, with its replicas, and there is none before that', () => {
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' });
  const service = world.view.get('service', 'web')!;
  world.settle();
  expect(world.view.get('service', 'web')).toMatchObject({ spec: service.previousSpec, templateVersion: 1 });
  expect(world.view.get('service', 'web')!.previousSpec).toBeUndefined();
});

test('a new task that still runs when another one fails is shut down at once', () => {
  const world = aWorldThatFails({ parallelism: 2, order: 'start-first' });
  world.agents = aWorldOf([]).agents;
  const before = running(world);
  world.settle();
  world.report(2, 'failed', { exitCode: 1 });
  expect(world.settle()).toEqual([
    `service web: update rolled back due to failure or early termination of task ${world.newest(2).id}`,
    expect.stringMatching(/^shut down web.1 on .*: it is outdated/),
    expect.stringMatching(/^shut down web.2 on .*: it is failed/),
  ]);
  expect(running(world)).toEqual(before);
});

test.each([
  [0, ['web.1']],
  [0.5, ['web.1', 'web.2']],
  [0.7, ['web.1', 'web.2', 'web.3']],
])('with a failure ratio of %d it goes on for as long: tasks are made for %j', (maxFailureRatio, made) => {
  const world = aWorldThatFails({ parallelism: 1, maxFailureRatio, order: 'start-first' });
  const sentences = world.settle();
  expect(sentences.filter((sentence) => sentence.startsWith('create')).map((sentence) => sentence.split(/[ :]/)[1])).toEqual(made);
  expect(update(world)?.state).toBe('rollback_started');
});

test('what has got through is taken back by the rules of the rollback: parallelism, order, delay', () => {
  const world = aWorldThatFails({ parallelism: 2, order: 'start-first', monitorNs: 1e9 }, { replicas: 4, rollback: { parallelism: 1, delayNs: 10e9, order: 'stop-first' } });
  const failing = world.agents;
  world.agents = aWorldOf([]).agents;
  world.settle();
  world.agents = failing;
  world.after(1000);
  expect(update(world)?.state).toBe('rollback_started');
  const old = () => world.alive().filter(({ templateVersion }) => templateVersion === 1).length;
  expect(old()).toBe(3);
  world.after(9999);
  expect(old()).toBe(3);
  expect(world.after(1)).toEqual([
    expect.stringMatching(/^create web.\d, prepared only: the one before is outdated/),
    expect.stringMatching(/^shut down web.\d on .*: it is outdated/),
    expect.stringMatching(/^start web/),
  ]);
  expect(old()).toBe(4);
});

test('a rollback that fails too is paused', () => {
  const world = aWorldThatFails({ parallelism: 1 });
  const failing = world.agents;
  world.agents = aWorldOf([]).agents;
  world.settle();
  world.agents = () => ({ changes: [] });
  world.report(1, 'failed', { exitCode: 1 });
  world.settle();
  expect(update(world)?.state).toBe('rollback_started');
  world.report(1, 'rejected', { error: 'No such image' });
  const { id } = world.newest(1);
  expect(world.settle()).toContain(`service web: rollback paused due to failure or early termination of task ${id}`);
  expect(update(world)?.state).toBe('rollback_paused');
  world.agents = failing;
  world.after(120_000);
  expect(update(world)?.state).toBe('rollback_paused');
});

test('when the task that stayed fails later, its own end is what the restart policy looks at, not that of the new task before', () => {
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' }, { replicas: 1 });
  world.settle();
  world.after(60_000);
  const kept = world.tasks().find(({ status }) => status.state === 'running')!;
  applyChanges(world.view, [report(kept, 'failed', world.nowMs, { exitCode: 1 })]);
  expect(world.settle()[0]).toBe('create web.1: the one before is failed, starts in 5 s');
});

test('and with condition none it is not restarted', () => {
  const template = aTemplate({ restart: { condition: 'none' } });
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' }, { replicas: 1, more: { template } });
  world.settle();
  world.after(60_000);
  const kept = world.tasks().find(({ status }) => status.state === 'running')!;
  applyChanges(world.view, [report(kept, 'failed', world.nowMs, { exitCode: 1 })]);
  expect(world.settle().filter((sentence) => sentence.startsWith('create'))).toEqual([]);
  expect(world.after(60_000)).toEqual([]);
});

test('an update after a rollback starts anew', () => {
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' });
  world.settle();
  world.after(5000);
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ container: { image: 'shoal/whoami:2' } }) }));
  for (let round = 0; round < 5; round++) world.after(5000);
  expect(update(world)?.state).toBe('completed');
});

test('a global service is rolled back too', () => {
  const world = aWorldThatFails({ parallelism: 1, order: 'start-first' }, { more: { mode: { kind: 'global' } } });
  const before = running(world);
  world.settle();
  world.after(5000);
  expect(update(world)?.state).toBe('rollback_completed');
  expect(running(world)).toEqual(before);
});

test('whatever fails when: no more than the parallelism is missing, untouched tasks stay, it ends rolled back', () => {
  const anUpdate = fc.record({ parallelism: fc.integer({ min: 1, max: 3 }), order: fc.constantFrom('stop-first' as const, 'start-first' as const), delayNs: fc.constantFrom(0, 2e9) });
  fc.assert(
    fc.property(anUpdate, anUpdate, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 4999 }), (update_, rollback, replicas, good, runMs) => {
      const world = aWorldThatFails({ ...update_, monitorNs: 5e9 }, { rollback, replicas });
      world.agents = aWorldOf([]).agents;
      const before = running(world);
      const missing = update_.order === 'start-first' ? 0 : update_.parallelism;
      let arrived = 0;
      for (let step = 0; step < 60 && update(world)?.state !== 'rollback_started' && update(world)?.state !== 'completed'; step++) {
        world.settle();
        expect(running(world).length).toBeGreaterThanOrEqual(replicas - missing);
        const fresh = world.tasks().filter(({ templateVersion, status }) => templateVersion === 2 && status.state === 'running').length;
        arrived = Math.max(arrived, fresh);
        if (arrived > good) {
          world.nowMs += runMs - 1;
          const young = world.tasks().filter((task) => task.templateVersion === 2 && task.status.state === 'running').sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0]!;
          world.nowMs = Math.min(world.nowMs, Date.parse(young.status.timestamp) + 4999);
          applyChanges(world.view, [report(young, 'failed', world.nowMs, { exitCode: 1 })]);
          world.settle();
        } else {
          world.nowMs += 1000;
        }
      }
      if (update(world)?.state === 'completed') return;
      world.settle();
      const least = replicas - Math.max(missing + 1, rollback.order === 'start-first' ? 0 : rollback.parallelism);
      const untouched = before.filter((id) => world.view.get('task', id)!.desiredState === 'running' && !hasEnded(world.view.get('task', id)!));
      for (let round = 0; round < 60; round++) {
        world.after(1000);
        expect(running(world).length).toBeGreaterThanOrEqual(least);
      }
      expect(update(world)?.state).toBe('rollback_completed');
      expect(world.alive().map(({ templateVersion, status }) => `${templateVersion} ${status.state}`)).toEqual(Array<string>(replicas).fill('1 running'));
      expect(running(world)).toEqual(expect.arrayContaining(untouched));
    }),
    { numRuns: 40 },
  );
}, 60_000);
