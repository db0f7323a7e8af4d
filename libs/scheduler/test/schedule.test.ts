import { expect, test } from 'vitest';
import type { Placement as PlacementSpec, PortConfig, Task, TaskTemplate } from '../../model/src/index.js';
import { aContext, aNode, aService, aTask, aTemplate, settle, testEpochMs, viewOf, type NodeParts } from '../../model/src/testing/index.js';
import { schedule } from '../src/index.js';
import { timestamp } from '../../base/src/index.js';

function scheduling(template: TaskTemplate, nodes: NodeParts[], tasks: Task[]) {
  const view = viewOf({
    node: nodes.map((parts, index) => aNode({ index: index + 1, ...parts })),
    service: [aService({ spec: { template } })],
    task: tasks,
  });
  return { view, sentences: settle(view, [schedule]) };
}

const pending = (count: number, parts: Partial<Task> = {}) => Array.from({ length: count }, (_, index) => aTask({ slot: index + 1, state: 'pending', ...parts }));
const placed = (constraints: string[], more: Partial<PlacementSpec> = {}) => aTemplate({ placement: { constraints, preferences: [], platforms: [], ...more } });
const a = { id: 'a' };
const b = { id: 'b' };
const c = { id: 'c' };

test('tasks are spread over the nodes', () => {
  const { view, sentences } = scheduling(aTemplate(), [a, b], pending(3));
  expect(sentences).toEqual(['place web.1 on a', 'place web.2 on b', 'place web.3 on a']);
  expect(view.get('task', 'task-1')).toMatchObject({ nodeId: 'a', status: { state: 'assigned', message: 'scheduler assigned task to node', error: '' } });
});

test('the node with fewest tasks of the service wins over the one with fewest tasks', () => {
  const others = [1, 2, 3].map((slot) => aTask({ id: `other-${slot}`, serviceId: 'other', slot, nodeId: 'a', state: 'running' }));
  const own = aTask({ id: 'own', slot: 7, nodeId: 'b', state: 'running' });
  expect(scheduling(aTemplate(), [a, b], [...others, own, ...pending(1)]).sentences).toEqual(['place web.1 on a']);
});

test('among equals the node with more free wins', () => {
  const template = aTemplate({ resources: { reservations: { nanoCpus: 1e9 } } });
  const stopping = aTask({ id: 'old', slot: 8, nodeId: 'a', desiredState: 'shutdown', state: 'running' });
  expect(scheduling(template, [a, b], [stopping, ...pending(1)]).sentences).toEqual(['place web.1 on b']);
});

test('a node where this version failed five times in five minutes comes last', () => {
  const failed = [1, 2, 3, 4, 5].map((number) =>
    aTask({ id: `failed-${number}`, nodeId: 'a', desiredState: 'shutdown', status: { state: 'failed', timestamp: timestamp(testEpochMs - 1000) } }),
  );
  const busy = aTask({ id: 'busy', slot: 9, nodeId: 'b', state: 'running' });
  expect(scheduling(aTemplate(), [a, b], [...failed, busy, ...pending(1)]).sentences).toEqual(['place web.1 on b']);
});

test('reservations are never over-committed; the one too many waits and says why', () => {
  const template = aTemplate({ resources: { reservations: { nanoCpus: 1.5e9 } } });
  const { view, sentences } = scheduling(template, [{ ...a, description: { nanoCpus: 2e9 } }, { ...b, description: { nanoCpus: 1.6e9 } }], pending(3));
  expect(sentences).toEqual(['place web.1 on a', 'place web.2 on b', 'web.3 waits: no suitable node (insufficient resources on 2 nodes): needs 1.5 CPU, at most 0.5 free']);
  expect(view.get('task', 'task-3')!.status).toMatchObject({ state: 'pending', error: 'no suitable node (insufficient resources on 2 nodes): needs 1.5 CPU, at most 0.5 free' });
});

test('a task that is told to stop holds its resources until it has', () => {
  const template = aTemplate({ resources: { reservations: { memoryBytes: 6 * 2 ** 30 } } });
  const stopping = aTask({ id: 'old', slot: 5, nodeId: 'a', state: 'running', desiredState: 'shutdown' });
  expect(scheduling(template, [a], [stopping, ...pending(1)]).sentences).toEqual([
    'web.1 waits: no suitable node (insufficient resources on 1 node): needs 6 GiB memory, at most 2 GiB free',
  ]);
});

test('generic resources are counted', () => {
  const template = aTemplate({ resources: { reservations: { generic: [{ kind: 'gpu', value: 2 }] } } });
  expect(scheduling(template, [{ ...a, description: { generic: [{ kind: 'gpu', value: 3 }] } }], pending(2)).sentences).toEqual([
    'place web.1 on a',
    'web.2 waits: no suitable node (insufficient resources on 1 node): needs 2 gpu, at most 1 free',
  ]);
});

test.each([
  ['node.id == b', 'b'],
  ['node.hostname!=a', 'b'],
  ['node.role == manager', 'b'],
  ['node.platform.arch == aarch64', 'b'],
  ['node.platform.os==linux', 'a'],
  ['node.labels.disk == SSD', 'b'],
  ['node.labels.disk!=ssd', 'a'],
  ['engine.labels.zone==z1', 'b'],
  ['node.ip == 192.0.2.2', 'b'],
  ['node.ip != 192.0.2.1', 'b'],
  ['node.ip != 192.0.2.0/31', 'b'],
  ['NODE.IP == 192.0.2.2/31', 'b'],
  ['node.ip != fd00::/8', 'a'],
])('constraint %s', (constraint, node) => {
  const special = { ...b, spec: { role: 'manager' as const, labels: { disk: 'ssd' } }, description: { architecture: 'arm64', engineLabels: { zone: 'z1' } } };
  expect(scheduling(placed([constraint]), [a, special], pending(1)).sentences).toEqual([`place web.1 on ${node}`]);
});

test('every filter has its word', () => {
  const template = aTemplate({ placement: { constraints: ['node.labels.disk==ssd'], preferences: [], platforms: [{ os: 'linux', architecture: 'amd64' }] } });
  const nodes = [
    { id: 'down', status: { state: 'down' as const } },
    { id: 'drained', spec: { availability: 'drain' as const } },
    { id: 'paused', spec: { availability: 'pause' as const } },
    { id: 'arm', description: { architecture: 'arm64' } },
    { id: 'hdd' },
  ];
  expect(scheduling(template, nodes, pending(1)).sentences).toEqual([
    'web.1 waits: no suitable node (2 nodes not available for new tasks; 1 node not ready; unsupported platform on 1 node; scheduling constraints not satisfied on 1 node): image is for linux/amd64; wants node.labels.disk==ssd',
  ]);
});

test('a cluster without nodes', () => {
  expect(scheduling(aTemplate(), [], pending(1)).sentences).toEqual(['web.1 waits: no suitable node']);
});

test('a host port is had once per node', () => {
  const hostPorts: PortConfig[] = [{ targetPort: 80, publishedPort: 8080, publishMode: 'host' }];
  expect(scheduling(aTemplate(), [a, b], pending(3, { hostPorts })).sentences).toEqual([
    'place web.1 on a',
    'place web.2 on b',
    'web.3 waits: no suitable node (host-mode port already in use on 2 nodes): wants 8080/tcp',
  ]);
});

test('a host port without a number gets one that is free on its node', () => {
  const hostPorts: PortConfig[] = [{ targetPort: 80, publishMode: 'host' }];
  const { view } = scheduling(aTemplate(), [a], pending(2, { hostPorts }));
  expect([1, 2].map((slot) => view.get('task', `task-${slot}`)!.hostPorts[0]!.publishedPort)).toEqual([30000, 30001]);
});

test('max replicas per node', () => {
  expect(scheduling(placed([], { maxReplicas: 1 }), [a], pending(2)).sentences).toEqual([
    'place web.1 on a',
    'web.2 waits: no suitable node (max replicas per node limit exceed on 1 node): at most 1 per node',
  ]);
});

test('a spread preference divides evenly between values, not between nodes', () => {
  const zone = (id: string, name: string) => ({ id, spec: { labels: { zone: name } } });
  const template = placed([], { preferences: [{ spread: 'node.labels.zone' }] });
  const { view } = scheduling(template, [zone('a', 'east'), zone('b', 'east'), zone('c', 'east'), zone('d', 'west')], pending(6));
  expect(view.tasksOnNode('d')).toHaveLength(3);
  expect(['a', 'b', 'c'].map((id) => view.tasksOnNode(id).length)).toEqual([1, 1, 1]);
});

test('preferences nest', () => {
  const at = (id: string, dc: string, rack: string) => ({ id, spec: { labels: { dc, rack } } });
  const template = placed([], { preferences: [{ spread: 'node.labels.dc' }, { spread: 'node.labels.rack' }] });
  const { view } = scheduling(template, [at('a', '1', '1'), at('b', '1', '1'), at('c', '1', '2'), at('d', '2', '1')], pending(8));
  expect(['a', 'b', 'c', 'd'].map((id) => view.tasksOnNode(id).length)).toEqual([1, 1, 2, 4]);
});

test('a task of a global service is confirmed on its node', () => {
  const { view } = scheduling(aTemplate(), [a, b], [aTask({ slot: 0, nodeId: 'b', state: 'pending' })]);
  expect(view.get('task', 'task-0')).toMatchObject({ nodeId: 'b', status: { state: 'assigned', message: 'scheduler confirmed task can run on preassigned node' } });
});

test('a task of a global service whose node is full waits for that node', () => {
  const template = aTemplate({ resources: { reservations: { nanoCpus: 8e9 } } });
  expect(scheduling(template, [a, c], [aTask({ slot: 0, nodeId: 'a', state: 'pending' })]).sentences).toEqual([
    'web.a waits: no suitable node (insufficient resources on 1 node): needs 8 CPU, at most 4 free',
  ]);
});

test('why a task waits is written when it changes, and only then', () => {
  const { view } = scheduling(placed(['node.id==x']), [a], pending(1));
  expect(schedule(view, aContext()).changes).toEqual([]);
  view.apply('node', 'b', aNode({ id: 'b', index: 2 }));
  expect(schedule(view, aContext()).sentences).toEqual(['web.1 waits: no suitable node (scheduling constraints not satisfied on 2 nodes): wants node.id==x']);
});

test('ten thousand tasks on a thousand nodes fill every node alike', () => {
  const nodes = Array.from({ length: 1000 }, (_, index) => ({ id: `n${index}` }));
  const { view } = scheduling(aTemplate(), nodes, pending(10_000));
  expect(new Set(nodes.map(({ id }) => view.tasksOnNode(id).length))).toEqual(new Set([10]));
});
