import { expect, test } from 'vitest';
import { aService, aTemplate } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

test('a new service gets a task for every slot', () => {
  const world = aWorldOf([aService({ replicas: 2 })]);
  expect(world.settle()).toEqual(['create web.1: its slot is empty', 'create web.2: its slot is empty']);
});

test('scaling up creates exactly the missing tasks', () => {
  const world = aWorldOf([aService({ replicas: 2 })]);
  world.settle();
  world.scale('web', 4);
  expect(world.settle()).toEqual(['create web.3: its slot is empty', 'create web.4: its slot is empty']);
});

test('scaling down takes tasks from the nodes that have most of them', () => {
  const world = aWorldOf([aService({ replicas: 5 })]);
  world.settle();
  world.scale('web', 3);
  expect(world.settle()).toEqual([
    'remove web.5 on node-b: scaled down to 3',
    'remove web.4 on node-a: scaled down to 3',
    'delete web.5: it was removed',
    'delete web.4: it was removed',
  ]);
  expect(world.alive().map(({ nodeId }) => nodeId).sort()).toEqual(['node-a', 'node-b', 'node-c']);
});

test('scaling down takes a slot that does not run before one that does', () => {
  const world = aWorldOf([aService({ replicas: 3 })]);
  world.settle();
  world.report(1, 'failed', { exitCode: 1 });
  world.settle();
  world.scale('web', 2);
  expect(world.settle()).toEqual([
    'remove web.1 on node-a: scaled down to 2',
    'remove web.1 on node-a: scaled down to 2',
    'delete web.1: it was removed',
    'delete web.1: it was removed',
  ]);
});

test('scaling to nothing leaves nothing', () => {
  const world = aWorldOf([aService({ replicas: 2 })]);
  world.settle();
  world.scale('web', 0);
  world.settle();
  expect(world.tasks()).toEqual([]);
});

test('the tasks of a removed service go, and its template with them', () => {
  const world = aWorldOf([aService({ replicas: 1 })]);
  world.settle();
  world.view.apply('service', 'web', undefined);
  expect(world.settle()).toEqual(['remove web.1 on node-a: its service is gone', 'delete web.1: it was removed', 'delete template web.1: nothing uses it']);
});

test('a change of labels, replicas, ports or update rules restarts nothing', () => {
  const world = aWorldOf([aService({ replicas: 2 })]);
  world.settle();
  world.changeService('web', (spec) => ({ ...spec, labels: { a: 'b' }, update: { parallelism: 7 }, endpoint: { ports: [{ targetPort: 80, publishedPort: 4000 }] } }));
  expect(world.settle()).toEqual([]);
});

test('when a node goes down its tasks are replaced at once', () => {
  const world = aWorldOf([aService({ replicas: 3 })]);
  world.settle();
  world.changeNode('node-b', (node) => ({ ...node, status: { ...node.status, state: 'down' } }));
  expect(world.after(1000)).toEqual(['create web.2: the one before is gone', 'shut down web.2 on node-b: its node is down']);
  expect(world.alive().map(({ nodeId }) => nodeId)).not.toContain('node-b');
});

test('a lost task stays in history until its node is back and has stopped it', () => {
  const world = aWorldOf([aService({ replicas: 3 })]);
  world.settle();
  const lost = world.newest(2);
  world.changeNode('node-b', (node) => ({ ...node, status: { ...node.status, state: 'down' } }));
  world.settle();
  expect(world.view.get('task', lost.id)).toMatchObject({ desiredState: 'shutdown', status: { state: 'running' } });
  world.changeNode('node-b', (node) => ({ ...node, status: { ...node.status, state: 'ready' } }));
  expect(world.settle()).toEqual([]);
  expect(world.view.get('task', lost.id)).toMatchObject({ status: { state: 'shutdown' } });
});

test('a drained node: the new task is prepared elsewhere before the old one stops', () => {
  const world = aWorldOf([aService({ replicas: 1 })]);
  world.settle();
  world.changeNode('node-a', (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
  expect(world.after(1000)).toEqual([
    'create web.1, prepared only: the one before must go: its node is drained',
    'shut down web.1 on node-a: its node is drained',
    'start web.1 on node-b',
  ]);
});

test('a drained node is emptied although no other node can take its task', () => {
  const template = aTemplate({ placement: { constraints: ['node.id == node-a'], preferences: [], platforms: [] } });
  const world = aWorldOf([aService({ spec: { template } })]);
  world.settle();
  world.changeNode('node-a', (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
  world.after(1000);
  expect(world.newest(1).status.error).toBe('no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks): wants node.id == node-a');
  expect(world.tasks().filter(({ status }) => status.state === 'running')).toEqual([]);
});

test('a node that loses a label loses the tasks that wanted it', () => {
  const template = aTemplate({ placement: { constraints: ['node.labels.disk != hdd'], preferences: [], platforms: [] } });
  const world = aWorldOf([aService({ spec: { template } })]);
  world.settle();
  world.changeNode('node-a', (node) => ({ ...node, spec: { ...node.spec, labels: { disk: 'hdd' } } }));
  expect(world.after(1000).at(-1)).toBe('start web.1 on node-b');
});
