import { expect, test } from 'vitest';
import { aNode, applyChanges, aService, aTemplate, report } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

const global = aService({ spec: { mode: { kind: 'global' } } });

test('a global service has one task on every node', () => {
  const world = aWorldOf([global]);
  expect(world.settle()).toEqual(['create web.node-a: its slot is empty', 'create web.node-b: its slot is empty', 'create web.node-c: its slot is empty']);
  expect(world.alive().map(({ nodeId, status }) => `${nodeId} ${status.message}`)).toEqual(['node-a started', 'node-b started', 'node-c started']);
});

test('a node that joins gets its task', () => {
  const world = aWorldOf([global]);
  world.settle();
  world.view.apply('node', 'node-d', aNode({ id: 'node-d', index: 4 }));
  expect(world.settle()).toEqual(['create web.node-d: its slot is empty']);
});

test('constraints choose the nodes', () => {
  const template = aTemplate({ placement: { constraints: ['node.hostname != node-b'], preferences: [], platforms: [] } });
  const world = aWorldOf([aService({ spec: { mode: { kind: 'global' }, template } })]);
  expect(world.settle()).toEqual(['create web.node-a: its slot is empty', 'create web.node-c: its slot is empty']);
});

test('a drained node loses its task, a paused one keeps it', () => {
  const world = aWorldOf([global]);
  world.settle();
  world.changeNode('node-a', (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
  world.changeNode('node-b', (node) => ({ ...node, spec: { ...node.spec, availability: 'pause' } }));
  expect(world.settle()).toEqual(['remove web.node-a: its node is drained', 'delete web.node-a: it was removed']);
});

test('a node that was down gets a new task when it is back, and not before the old one has stopped', () => {
  const world = aWorldOf([global]);
  world.settle();
  world.changeNode('node-a', (node) => ({ ...node, status: { ...node.status, state: 'down' } }));
  expect(world.after(1000)).toEqual(['shut down web.node-a: its node is down']);
  world.changeNode('node-a', (node) => ({ ...node, status: { ...node.status, state: 'ready' } }));
  expect(world.after(1000)).toEqual(['create web.node-a, prepared only: the one before is gone', 'start web.node-a']);
});

test('a global job runs once on every node', () => {
  const world = aWorldOf([aService({ spec: { mode: { kind: 'global-job' } } })]);
  world.settle();
  expect(world.tasks().map(({ nodeId, status }) => `${nodeId} ${status.state}`)).toEqual(['node-a complete', 'node-b complete', 'node-c complete']);
  expect(world.after(60_000)).toEqual([]);
});

test.each([{ kind: 'global-job' }, { kind: 'replicated-job', totalCompletions: 3 }] as const)('another run of a job ($kind) begins once the tasks of the one before have ended', (mode) => {
  const world = aWorldOf([aService({ spec: { mode } })]);
  const obedient = world.agents;
  world.agents = () => ({ changes: [] });
  world.settle();
  const before = world.tasks().map((task) => task.id);
  applyChanges(world.view, world.tasks().map((task) => report(task, 'running', world.nowMs)));
  world.changeService('web', (spec) => ({ ...spec, template: { ...spec.template, forceUpdate: 1 } }));
  world.settle();
  expect(world.tasks().map((task) => task.id)).toEqual(before);
  world.agents = obedient;
  world.settle();
  expect(world.alive()).toHaveLength(0);
  expect(world.tasks().filter((task) => !before.includes(task.id) && task.status.state === 'complete')).toHaveLength(3);
});

test('a replicated job runs a few at a time until enough have completed', () => {
  const world = aWorldOf([aService({ spec: { mode: { kind: 'replicated-job', maxConcurrent: 2, totalCompletions: 5 } } })]);
  world.agents = () => ({ changes: [] });
  expect(world.settle()).toEqual(['create web.1: the job needs it', 'create web.2: the job needs it']);
  world.report(1, 'complete');
  expect(world.settle()).toEqual(['create web.3: the job needs it']);
  world.report(2, 'failed', { exitCode: 1 });
  expect(world.settle()).toEqual(['create web.2: the attempt before is failed']);
});
