import { describe, expect, test } from 'vitest';
import { allocateTasks } from '../../allocator/src/index.js';
import { nodeName, taskName, type Labels, type Service, type TaskTemplate } from '../../model/src/index.js';
import { aCluster, anIngressNetwork, aNode, aService, aTemplate, World, type NodeParts } from '../../model/src/testing/index.js';
import { orchestrate, reap } from '../../orchestrator/src/index.js';
import { planRebalance, rebalance, schedule } from '../src/index.js';

/** Services that started while the last of the nodes was away. */
function afterReturn(services: Service[], nodes: NodeParts[] = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]): World {
  const world = new World([orchestrate, reap, allocateTasks, schedule, rebalance], {
    cluster: [aCluster()],
    network: [anIngressNetwork()],
    node: nodes.map((parts, index) => aNode({ index: index + 1, ...parts })),
    service: services,
  });
  const last = nodes.at(-1)!.id!;
  const state = (now: 'down' | 'ready') => world.changeNode(last, (node) => ({ ...node, status: { ...node.status, state: now } }));
  state('down');
  world.settle();
  state('ready');
  return world;
}

const web = (replicas: number, labels: Labels = {}, template: Partial<TaskTemplate> = {}) => aService({ replicas, spec: { labels, template: aTemplate(template) } });
const plan = ({ view }: World) => planRebalance(view, view.all('service')).map(({ task, from, to, why }) => `${taskName(task)} from ${nodeName(from.node)} to ${nodeName(to.node)}: ${why}`);
const counts = (world: World) => Object.fromEntries(['a', 'b', 'c'].map((id) => [id, world.alive().filter(({ nodeId }) => nodeId === id).length]));

describe('what would make the balance better', () => {
  test('a node that is back gets its share, of every service', () => {
    expect(plan(afterReturn([web(9)]))).toEqual([
      'web.9 from a to c: c has 0 of its tasks, a has 5',
      'web.7 from a to c: c has 1 of its tasks, a has 4',
      'web.8 from b to c: c has 2 of its tasks, b has 4',
    ]);
  });

  test('services of one task are spread by the load of the nodes', () => {
    const services = Array.from({ length: 6 }, (_, index) => aService({ id: `s${index}` }));
    expect(plan(afterReturn(services))).toEqual(['s0.1 from a to c: c has 0 tasks, a has 3', 's1.1 from b to c: c has 1 tasks, b has 3']);
  });

  test('is nothing when it is good already, or tasks must stay where they are', () => {
    const balanced = afterReturn([web(2)]);
    expect(plan(balanced)).toEqual([]);
    expect(plan(afterReturn([web(6, {}, { placement: { constraints: ['node.id!=c'], preferences: [], platforms: [] } })]))).toEqual([]);
    expect(plan(afterReturn([web(6, { 'shoal.placement.strategy': 'pack' })]))).toEqual([]);
    const mounts = [{ type: 'volume' as const, source: 'data', target: '/data' }];
    expect(plan(afterReturn([web(6, {}, aTemplate({ container: { mounts } }))]))).toEqual([]);
  });

  test('by spread preferences first', () => {
    const zone = (id: string, name: string): NodeParts => ({ id, spec: { labels: { zone: name } } });
    const template = { placement: { constraints: [], preferences: [{ spread: 'node.labels.zone' }], platforms: [] } };
    expect(plan(afterReturn([web(4, {}, template)], [zone('a', 'east'), zone('b', 'east'), zone('c', 'west')]))).toEqual([
      'web.3 from a to c: node.labels.zone west has 0 of its tasks, east has 4',
      'web.4 from b to c: node.labels.zone west has 1 of its tasks, east has 3',
    ]);
  });

  test('the table is afterwards what it was', () => {
    const world = afterReturn([web(9)]);
    const first = plan(world);
    expect(plan(world)).toEqual(first);
  });
});

describe('a service that asks for it', () => {
  test('is spread anew when its tasks have run for a while, one after the other', () => {
    const world = afterReturn([web(9, { 'shoal.placement.rebalance': 'true' })]);
    world.settle();
    expect(counts(world)).toEqual({ a: 5, b: 4, c: 0 });
    for (let round = 0; round < 3; round++) world.after(10_000);
    expect(counts(world)).toEqual({ a: 3, b: 3, c: 3 });
    expect(world.after(60_000)).toEqual([]);
  });

  test('is left alone for minutes when nothing could take the place of a task: its network has no address to give', () => {
    const world = afterReturn([web(5, { 'shoal.placement.rebalance': 'true' })]);
    world.view.apply('network', 'ingress', undefined);
    const moved = world.after(10_000).filter((sentence) => sentence.startsWith('let '));
    expect(moved).toEqual(['let web.5 on a stay: no other node takes its successor']);
    expect(world.after(4 * 60_000).filter((sentence) => sentence.startsWith('let '))).toEqual([]);
    expect(world.after(2 * 60_000).filter((sentence) => sentence.startsWith('let '))).toEqual(moved);
  });

  test('and others are not', () => {
    const world = afterReturn([web(9)]);
    world.after(60_000);
    expect(counts(world)).toEqual({ a: 5, b: 4, c: 0 });
  });
});
