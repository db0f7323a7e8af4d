import { expect, test } from 'vitest';
import type { ServiceSpec, UpdateConfig } from '../../model/src/index.js';
import { timestamp } from '../../base/src/index.js';
import { updateServiceChanges } from '../../model/src/index.js';
import { applyChanges, aService, aTask, aTemplate, testEpochMs, viewOf, type World } from '../../model/src/testing/index.js';
import { emptyDecision } from '../src/decision.js';
import type { Slot, SlotState } from '../src/slot.js';
import { planUpdate } from '../src/update.js';
import { aWorldOf } from './loops.js';

function changeImage(spec: ServiceSpec): ServiceSpec {
  return { ...spec, template: aTemplate({ container: { image: 'shoal/whoami:2' } }) };
}

function updating(update: UpdateConfig | undefined, replicas: number): World {
  const world = aWorldOf([aService({ replicas, spec: update ? { update } : {} })]);
  world.settle();
  world.nowMs += 60_000;
  world.changeService('web', changeImage);
  return world;
}

test('stop-first: the new task is prepared, the old one stops, the new one starts; one slot after the other', () => {
  const world = updating(undefined, 2);
  expect(world.settle()).toEqual([
    'create web.1, prepared only: the one before is outdated',
    'service web: update in progress',
    'shut down web.1 on node-a: it is outdated',
    'start web.1 on node-c',
    'create web.2, prepared only: the one before is outdated',
    'shut down web.2 on node-b: it is outdated',
    'start web.2 on node-a',
  ]);
  expect(world.after(5000)).toEqual(['service web: update completed']);
  expect(world.after(5000)).toEqual([]);
});

test('start-first: the old task goes when the new one has run through the monitor period', () => {
  const world = updating({ parallelism: 1, order: 'start-first', monitorNs: 8e9 }, 1);
  expect(world.settle()).toEqual(['create web.1: the one before is outdated', 'service web: update in progress']);
  expect(world.after(7999)).toEqual([]);
  expect(world.after(1)).toEqual(['shut down web.1 on node-a: it is outdated', 'service web: update completed']);
});

test('start-first: the next slot waits until the old task of the one before has stopped', () => {
  const world = updating({ parallelism: 1, order: 'start-first' }, 2);
  const obedient = world.agents;
  world.settle();
  world.agents = () => ({ changes: [] });
  expect(world.after(5000)).toEqual(['shut down web.1 on node-a: it is outdated']);
  expect(world.after(60_000)).toEqual([]);
  world.agents = obedient;
  expect(world.after(1)).toEqual(['create web.2: the one before is outdated']);
});

test('start-first: a slot never has three tasks, though the new one must leave its node before the old one has gone', () => {
  const world = updating({ parallelism: 1, order: 'start-first' }, 1);
  const obedient = world.agents;
  world.settle();
  const { nodeId } = world.newest(1);
  world.agents = () => ({ changes: [] });
  world.changeNode(nodeId, (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
  expect(world.settle()).toEqual([`shut down web.1 on node-a: it is superseded`]);
  world.agents = obedient;
  expect(world.settle()).toEqual(['create web.1: the one before must go: its node is drained', `shut down web.1 on ${nodeId}: its node is drained`]);
});

test('an update whose slots all wait for their new tasks goes on after the service was scaled', () => {
  const world = updating({ parallelism: 0, order: 'start-first' }, 2);
  for (const id of ['node-a', 'node-b', 'node-c']) world.changeNode(id, (node) => ({ ...node, spec: { ...node.spec, availability: 'pause' } }));
  world.settle();
  world.scale('web', 3);
  expect(world.settle()).toEqual(expect.arrayContaining(['create web.3: its slot is empty', 'service web: update in progress']));
});

test.each(['stop-first', 'start-first'] as const)('%s: no task makes room for one that waits for an address in a network that it is not in', (order) => {
  const world = aWorldOf([aService({ spec: { update: { parallelism: 1, order } } })]);
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ networks: [{ target: 'not-there', aliases: [] }] }) }));
  expect(world.settle()).not.toContain('shut down web.1 on node-a: it is outdated');
  expect(world.newest(1).status.error).toContain('not-there');
  expect(world.after(60_000)).toEqual([]);
});

test('start-first: a drained node does not wait for a monitor period', () => {
  const world = aWorldOf([aService({ spec: { update: { parallelism: 1, order: 'start-first' } } })]);
  world.settle();
  world.changeNode('node-a', (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
  expect(world.settle()).toEqual(['create web.1: the one before must go: its node is drained', 'shut down web.1 on node-a: its node is drained']);
});

test('a new task that fails after its monitor period is restarted and does not stop the update', () => {
  const world = updating({ parallelism: 1, delayNs: 60e9, monitorNs: 5e9 }, 2);
  world.settle();
  world.after(5000);
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.after(5000)[0]).toMatch(/^create web.1: the one before is failed/);
  expect(world.view.get('service', 'web')!.status.update?.state).toBe('updating');
});

test('a new task that fails within its monitor period does', () => {
  const world = updating({ parallelism: 1, delayNs: 60e9, monitorNs: 5e9 }, 2);
  world.settle();
  world.after(4000);
  world.report(1, 'failed', { exitCode: 1 });
  world.settle();
  expect(world.view.get('service', 'web')!.status.update?.state).toBe('paused');
});

test('parallelism is how many slots are on their way at once', () => {
  const world = updating({ parallelism: 2 }, 5);
  world.agents = () => ({ changes: [] });
  expect(world.settle().filter((sentence) => sentence.startsWith('create'))).toHaveLength(2);
});

test('parallelism 0 is all at once', () => {
  const world = updating({ parallelism: 0 }, 5);
  world.agents = () => ({ changes: [] });
  expect(world.settle().filter((sentence) => sentence.startsWith('create'))).toHaveLength(5);
});

test('the delay lies between one slot and the next', () => {
  const world = updating({ parallelism: 1, delayNs: 10e9 }, 2);
  expect(world.settle().at(-1)).toBe('start web.1 on node-c');
  expect(world.after(9000)).toEqual([]);
  expect(world.after(1000)[0]).toBe('create web.2, prepared only: the one before is outdated');
});

test('an image that cannot be prepared stops nothing: the update pauses and says which task', () => {
  const world = updating({ parallelism: 1 }, 2);
  const obedient = world.agents;
  world.agents = () => ({ changes: [] });
  world.settle();
  world.report(1, 'rejected', { error: 'No such image: shoal/whoami:2' });
  world.agents = obedient;
  const task = world.newest(1).id;
  expect(world.settle()).toEqual(['shut down web.1 on node-c: it is rejected', `service web: update paused due to failure or early termination of task ${task}`]);
  expect(world.tasks().filter(({ status }) => status.state === 'running')).toHaveLength(2);
  expect(world.after(60_000)).toEqual([]);
});

test('with failure action continue the next slot is updated, and the failed one tried again', () => {
  const world = updating({ parallelism: 1, failureAction: 'continue' }, 2);
  const obedient = world.agents;
  world.agents = () => ({ changes: [] });
  world.settle();
  world.report(1, 'rejected', { error: 'No such image: shoal/whoami:2' });
  world.agents = obedient;
  expect(world.settle()).toEqual([
    'create web.2, prepared only: the one before is outdated',
    'shut down web.1 on node-c: it is rejected',
    'shut down web.2 on node-b: it is outdated',
    'start web.2 on node-c',
  ]);
  expect(world.after(5000).at(-1)).toBe('start web.1 on node-b');
  expect(world.after(5000)).toEqual(['service web: update completed']);
  expect(world.alive().map(({ templateVersion }) => templateVersion)).toEqual([2, 2]);
});

test('a new task that cannot be placed beside the old one takes its place', () => {
  const template = aTemplate({ placement: { constraints: [], preferences: [], platforms: [], maxReplicas: 1 } });
  const world = aWorldOf([aService({ replicas: 3, spec: { template } })]);
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, template: { ...template, forceUpdate: 1 } }));
  world.after(60_000);
  expect(world.after(5000)).toEqual(['service web: update completed']);
  expect(world.alive().map(({ status, templateVersion }) => `${status.state} ${templateVersion}`)).toEqual(['running 2', 'running 2', 'running 2']);
});

test.each([
  ['host ports', { endpoint: { ports: [{ targetPort: 80, publishedPort: 80, publishMode: 'host' as const }] } }],
  ['an address of its own', { template: aTemplate({ networks: [{ target: 'n', aliases: [], addresses: ['10.9.0.7'] }] }) }],
])('%s force stop-first', (_what, spec) => {
  const world = aWorldOf([aService({ spec: { update: { parallelism: 1, order: 'start-first' }, ...spec } })]);
  world.settle();
  world.changeService('web', (now) => ({ ...now, template: { ...now.template, forceUpdate: 1 } }));
  expect(world.after(1000)[0]).toBe('create web.1, prepared only: the one before is outdated');
});

test('a second update after a finished one starts anew', () => {
  const world = updating(undefined, 1);
  world.settle();
  world.after(5000);
  world.changeService('web', (spec) => ({ ...spec, template: aTemplate({ forceUpdate: 1 }) }));
  world.after(1000);
  expect(world.view.get('service', 'web')!.status.update?.state).toBe('updating');
  expect(world.after(5000)).toEqual(['service web: update completed']);
});

test('a global service is updated node by node', () => {
  const world = aWorldOf([aService({ spec: { mode: { kind: 'global' } } })]);
  world.settle();
  world.changeService('web', changeImage);
  expect(world.after(1000).filter((sentence) => sentence.startsWith('start'))).toEqual(['start web.node-a', 'start web.node-b', 'start web.node-c']);
  expect(world.after(5000)).toEqual(['service web: update completed']);
});

test('a paused update goes on when the user submits the service again', () => {
  const world = updating({ parallelism: 0 }, 2);
  const obedient = world.agents;
  world.agents = () => ({ changes: [] });
  world.settle();
  world.report(1, 'rejected', { error: 'No such image: shoal/whoami:2' });
  world.settle();
  expect(world.view.get('service', 'web')!.status.update?.state).toBe('paused');
  world.agents = obedient;
  world.after(10_000);
  world.changeService('web', (spec) => ({ ...spec, labels: { again: 'yes' } }));
  world.after(1000);
  expect(world.after(10_000)).toEqual(['service web: update completed']);
  expect(world.alive().map(({ templateVersion }) => templateVersion)).toEqual([2, 2]);
});

test('a requested rollback walks back to the version before and says so', () => {
  const world = updating({ parallelism: 1 }, 2);
  world.settle();
  world.after(10_000);
  const service = world.view.get('service', 'web')!;
  const update = { state: 'rollback_started', startedAt: timestamp(world.nowMs), message: 'manually requested rollback' } as const;
  applyChanges(world.view, updateServiceChanges(world.view, service, service.previousSpec!, { update }));
  expect(world.after(1000).filter((sentence) => sentence.startsWith('start'))).toHaveLength(2);
  expect(world.after(5000)).toEqual(['service web: rollback completed']);
  expect(world.alive().map(({ templateVersion }) => templateVersion)).toEqual([1, 1]);
  expect(world.view.get('service', 'web')!.status.update?.state).toBe('rollback_completed');
});

test('an update of very many slots completes', () => {
  const service = aService({ replicas: 150_000, status: { update: { state: 'updating', startedAt: timestamp(testEpochMs), message: '' } } });
  const task = aTask({ nodeId: 'a', status: { state: 'running', timestamp: timestamp(testEpochMs) } });
  const slots = new Map(Array.from({ length: 150_000 }, (_, index): [Slot, SlotState] => [{ slot: index + 1, nodeId: '', tasks: [task] }, { arriving: [task], leaving: [], stopping: [], lost: [], ended: [], newest: task }]));
  const decision = emptyDecision();
  planUpdate(viewOf({}), service, slots, testEpochMs + 60_000, decision);
  expect(decision.update?.state).toBe('completed');
});
