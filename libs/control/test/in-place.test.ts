import { expect, test } from 'vitest';
import type { ServiceSpec, TaskTemplate } from '../../model/src/index.js';
import { aCluster, aNode, anIngressNetwork, aService, World } from '../../model/src/testing/index.js';
import { subsystems } from '../src/index.js';

/** All decisions of the manager together, on changes that the tasks of a service live through. */

const decides = subsystems.map(({ decide }) => decide);
const nodes = [1, 2, 3].map((index) => aNode({ id: `n${index}`, index, spec: { labels: { disk: index === 3 ? 'hdd' : 'ssd' } } }));

function aWorld(replicas: number, template: Partial<TaskTemplate> = {}): World {
  const spec = aService().spec;
  const world = new World(decides, { cluster: [aCluster()], node: nodes, network: [anIngressNetwork()], service: [aService({ replicas, spec: { template: { ...spec.template, ...template } } })] });
  world.settle();
  return world;
}

const onDisk = (disk: string): Partial<TaskTemplate> => ({ placement: { constraints: [`node.labels.disk == ${disk}`], preferences: [], platforms: [] } });
const change = (world: World, template: Partial<TaskTemplate>) => world.changeService('web', (spec: ServiceSpec) => ({ ...spec, template: { ...spec.template, ...template } }));
const tasks = (world: World) => world.alive().map(({ id, nodeId }) => `${id} ${nodeId}`).sort();

function pass(world: World): void {
  for (let minute = 0; minute < 10; minute++) world.after(60_000);
}

test('limits and rules leave every task where it is, with the new template', () => {
  const world = aWorld(3);
  const before = tasks(world);
  change(world, { resources: { limits: { memoryBytes: 1 << 26 } }, restart: { condition: 'on-failure' } });
  pass(world);
  expect(tasks(world)).toEqual(before);
  expect(world.alive().map((task) => world.view.templateOf(task)!.resources)).toEqual(Array(3).fill({ limits: { memoryBytes: 1 << 26 } }));
  expect(world.view.get('service', 'web')!.status.update).toBeUndefined();
});

test('constraints move the tasks whose nodes no longer satisfy them, and no other', () => {
  const world = aWorld(3);
  const before = tasks(world);
  change(world, onDisk('ssd'));
  pass(world);
  const after = tasks(world);
  expect(after.filter((task) => before.includes(task))).toEqual(before.filter((task) => !task.endsWith(' n3')));
  expect(after.filter((task) => task.endsWith(' n3'))).toEqual([]);
  expect(after).toHaveLength(3);
});

test('a task that waits for a node that nobody is goes where the new constraints let it', () => {
  const world = aWorld(2, onDisk('tape'));
  const waiting = world.alive().map(({ id, nodeId }) => [id, nodeId]);
  expect(waiting.map(([, nodeId]) => nodeId)).toEqual(['', '']);
  change(world, onDisk('hdd'));
  pass(world);
  expect(world.alive().map(({ id, nodeId, status }) => [id, nodeId, status.state])).toEqual(waiting.map(([id]) => [id, 'n3', 'running']));
});
