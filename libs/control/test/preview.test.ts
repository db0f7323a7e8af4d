import { expect, test } from 'vitest';
import { seededRandom } from '../../base/src/index.js';
import { createServiceChanges, updateServiceChanges, type ServiceSpec } from '../../model/src/index.js';
import { aCluster, aContext, aNode, anIngressNetwork, aService, aTemplate, testEpochMs, World } from '../../model/src/testing/index.js';
import { previewChanges, subsystems, type Preview } from '../src/index.js';

const decides = subsystems.map(({ decide }) => decide);
const nodes = [1, 2, 3].map((index) => aNode({ id: `n${index}`, index }));

function aWorld(services: ReturnType<typeof aService>[] = []): World {
  const world = new World(decides, { cluster: [aCluster()], node: nodes, network: [anIngressNetwork()], service: services });
  world.settle();
  return world;
}

function spec(replicas: number, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return { ...aService({ replicas }).spec, ...more };
}

const pause = async () => undefined;
const where = (world: World) => world.alive().map(({ slot, nodeId }) => `web.${slot} → ${nodeId}`).sort();
const said = ({ placements }: Preview) => placements.map(({ task, node }) => `${task} → ${node}`);

test('new tasks go where the preview says, and nothing has happened yet', async () => {
  const world = aWorld();
  const changes = createServiceChanges('web', spec(5));
  const preview = await previewChanges(world.view, changes, ['web'], aContext(world.nowMs, 99), pause);
  expect(world.view.count('service')).toBe(0);
  expect(preview).toMatchObject({ complete: true, pending: [] });
  const real = aWorld([aService({ replicas: 5 })]);
  expect(said(preview)).toEqual(where(real));
});

test('an update is followed through all its steps, however long it takes', async () => {
  const template = (image: string) => aTemplate({ container: { image } });
  const update = { parallelism: 1, delayNs: 60e9, order: 'stop-first' as const };
  const world = aWorld([aService({ replicas: 4, spec: { template: template('a:1'), update } })]);
  const service = world.view.get('service', 'web')!;
  const changes = updateServiceChanges(world.view, service, spec(4, { template: template('a:2'), update }));
  const preview = await previewChanges(world.view, changes, ['web'], aContext(world.nowMs, 99), pause);
  expect(preview.complete).toBe(true);
  world.changeService('web', () => spec(4, { template: template('a:2'), update }));
  for (let minute = 0; minute < 10; minute++) world.after(60_000);
  expect(said(preview)).toEqual(where(world));
});

test('what no node takes is pending, with the reason', async () => {
  const world = aWorld();
  const template = aTemplate({ resources: { reservations: { memoryBytes: 5 * 2 ** 30 } } });
  const preview = await previewChanges(world.view, createServiceChanges('web', spec(5, { template })), ['web'], aContext(world.nowMs, 99), pause);
  expect(said(preview)).toHaveLength(3);
  expect(preview.pending).toEqual([4, 5].map((slot) => ({ service: 'web', task: `web.${slot}`, reason: expect.stringMatching(/memory|resources/) })));
});

test('a global service is told by node; one that it may not use is pending', async () => {
  const world = aWorld();
  world.changeNode('n2', (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
  const preview = await previewChanges(world.view, createServiceChanges('web', spec(1, { mode: { kind: 'global' } })), ['web'], aContext(world.nowMs, 99), pause);
  expect(said(preview)).toEqual(['web → n1', 'web → n3']);
  const template = aTemplate({ resources: { reservations: { memoryBytes: 2 ** 40 } } });
  const hungry = await previewChanges(world.view, createServiceChanges('web', spec(1, { template, mode: { kind: 'global' } })), ['web'], aContext(world.nowMs, 99), pause);
  expect(hungry.pending.map(({ task, node }) => `${task} on ${node}`)).toEqual(['web on n1', 'web on n3']);
});

test('the tasks of a job are told too, although they have ended by then', async () => {
  const world = aWorld();
  const job = spec(1, { mode: { kind: 'replicated-job', maxConcurrent: 2, totalCompletions: 3 } });
  const preview = await previewChanges(world.view, createServiceChanges('web', job), ['web'], aContext(world.nowMs, 99), pause);
  expect(preview).toMatchObject({ complete: true, pending: [] });
  expect(said(preview)).toHaveLength(3);
});

test('too much to look at is said', async () => {
  const world = aWorld();
  const preview = await previewChanges(world.view, createServiceChanges('web', spec(40_000)), ['web'], { nowMs: testEpochMs, random: seededRandom(1) }, pause);
  expect(preview.complete).toBe(false);
});

test('in a cluster too large to look at all of it, the services in question move, and go where they will', async () => {
  const many = Array.from({ length: 4_200 }, (_, index) => aNode({ id: `n${index}`, index }));
  const world = new World(decides, { cluster: [aCluster()], node: many, network: [anIngressNetwork()], service: [aService({ replicas: 3 }), aService({ id: 'other', replicas: 3, spec: { name: 'other' } })] });
  world.settle();
  const service = world.view.get('service', 'web')!;
  const change = () => spec(6, { template: aTemplate({ container: { image: 'a:2' } }), update: { parallelism: 2, order: 'start-first' as const } });
  const before = world.view.revision;
  const preview = await previewChanges(world.view, updateServiceChanges(world.view, service, change()), ['web'], aContext(world.nowMs, 99), pause);
  expect([world.view.revision, preview.complete, preview.pending]).toEqual([before, true, []]);
  world.changeService('web', change);
  for (let minute = 0; minute < 5; minute++) world.after(60_000);
  const own = world.alive().filter(({ serviceId }) => serviceId === 'web');
  expect(said(preview)).toEqual(own.map(({ slot, nodeId }) => `web.${slot} → ${nodeId}`).sort());

  const hungry = spec(2, { name: 'hungry', template: aTemplate({ resources: { reservations: { memoryBytes: 2 ** 50 } } }) });
  expect((await previewChanges(world.view, createServiceChanges('hungry', hungry), ['hungry'], aContext(world.nowMs, 99), pause)).pending).toHaveLength(2);
});

test('an update that no node takes is seen to wait, although it would go back in ten minutes', async () => {
  const world = aWorld([aService({ replicas: 2, spec: { update: { parallelism: 1, failureAction: 'rollback' } } })]);
  const service = world.view.get('service', 'web')!;
  const nowhere = aTemplate({ placement: { constraints: ['node.labels.moon == full'], preferences: [], platforms: [] } });
  const changes = updateServiceChanges(world.view, service, { ...service.spec, template: nowhere });
  const preview = await previewChanges(world.view, changes, ['web'], aContext(world.nowMs, 99), pause);
  expect(preview.complete).toBe(true);
  expect(preview.pending).toMatchObject([{ task: 'web.1', reason: expect.stringContaining('wants node.labels.moon == full') }]);
});

test('the times of a schedule are not looked ahead to: they never end', async () => {
  const world = aWorld();
  const changes = createServiceChanges('web', spec(1, { mode: { kind: 'replicated-job', maxConcurrent: 1, totalCompletions: 1 }, labels: { 'shoal.cron.schedule': '* * * * *' } }));
  expect(await previewChanges(world.view, changes, ['web'], aContext(world.nowMs, 99), pause)).toEqual({ placements: [], pending: [], complete: true });
});

test('a service that waits for others is placed ahead of them', async () => {
  const waiting = spec(2, { dependsOn: [{ service: 'nobody', condition: 'service_completed_successfully' }] });
  const preview = await previewChanges(aWorld().view, createServiceChanges('web', waiting), ['web'], aContext(testEpochMs, 99), pause);
  expect(said(preview)).toHaveLength(2);
});
