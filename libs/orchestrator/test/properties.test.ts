import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aNode, applyChanges, aService, aTemplate, report, type World } from '../../model/src/testing/index.js';
import { compareStates, hasEnded, isLost, isWanted, mayMove, templateId, type Task, type TaskState } from '../../model/src/index.js';
import { aWorldOf } from './loops.js';

/** What may happen to a cluster, each as one step of a random story. */
type Event =
  | { kind: 'scale'; replicas: number }
  | { kind: 'update' }
  | { kind: 'revert' }
  | { kind: 'step'; choice: number; state: TaskState }
  | { kind: 'end'; choice: number; state: 'failed' | 'complete' }
  | { kind: 'node'; index: number; state: 'ready' | 'down' }
  | { kind: 'availability'; index: number; availability: 'active' | 'drain' | 'pause' }
  | { kind: 'wait'; ms: number };

const nodeIds = ['node-a', 'node-b', 'node-c', 'node-d'];

const anEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant('scale' as const), replicas: fc.nat(6) }),
  fc.record({ kind: fc.constant('update' as const) }),
  fc.record({ kind: fc.constant('revert' as const) }),
  fc.record({ kind: fc.constant('step' as const), choice: fc.nat(20), state: fc.constantFrom('preparing' as const, 'ready' as const, 'running' as const, 'rejected' as const, 'shutdown' as const) }),
  fc.record({ kind: fc.constant('end' as const), choice: fc.nat(20), state: fc.constantFrom('failed' as const, 'complete' as const) }),
  fc.record({ kind: fc.constant('node' as const), index: fc.nat(3), state: fc.constantFrom('ready' as const, 'down' as const) }),
  fc.record({ kind: fc.constant('availability' as const), index: fc.nat(3), availability: fc.constantFrom('active' as const, 'drain' as const, 'pause' as const) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30_000 }) }),
);

function aStoryOf(order: 'stop-first' | 'start-first', hostPort: boolean): World {
  const ports = hostPort ? [{ targetPort: 80, publishedPort: 8080, publishMode: 'host' as const }] : [];
  const template = aTemplate({ resources: { reservations: { nanoCpus: 1e9 } } });
  return aWorldOf([aService({ replicas: 3, spec: { template, update: { parallelism: 1, order, failureAction: 'continue' }, endpoint: { ports } } })], {
    node: nodeIds.map((id, index) => aNode({ id, index: index + 1, description: { nanoCpus: 2e9 } })),
  });
}

function happen(world: World, event: Event): void {
  switch (event.kind) {
    case 'scale':
      return world.scale('web', event.replicas);
    case 'update':
      return world.changeService('web', (spec) => ({ ...spec, template: { ...spec.template, forceUpdate: spec.template.forceUpdate + 1 } }));
    case 'end': {
      const running = world.tasks().filter((task) => task.status.state === 'running' && !isLost(world.view, task));
      if (running.length > 0) applyChanges(world.view, [report(running[event.choice % running.length]!, event.state, world.nowMs)]);
      return;
    }
    case 'revert':
      return world.changeService('web', (spec) => ({ ...spec, template: { ...spec.template, forceUpdate: Math.max(0, spec.template.forceUpdate - 1) } }));
    case 'step': {
      const known = world.tasks().filter((task) => mayReport(world, task, event.state));
      if (known.length > 0) applyChanges(world.view, [report(known[event.choice % known.length]!, event.state, world.nowMs)]);
      return;
    }
    case 'node':
      return world.changeNode(nodeIds[event.index]!, (node) => ({ ...node, status: { ...node.status, state: event.state } }));
    case 'availability':
      return world.changeNode(nodeIds[event.index]!, (node) => ({ ...node, spec: { ...node.spec, availability: event.availability } }));
    case 'wait':
      world.nowMs += event.ms;
  }
}

/** Would an agent that obeys say so? */
function mayReport(world: World, task: Task, state: TaskState): boolean {
  if (task.nodeId === '' || isLost(world.view, task) || !mayMove('agent', task.status.state, state)) return false;
  if (state === 'running') return task.desiredState === 'running' && task.startAfterMs <= world.nowMs;
  if (state === 'shutdown') return !isWanted(task);
  return true;
}

function holdsResources(task: Task): boolean {
  return task.nodeId !== '' && !hasEnded(task) && compareStates(task.status.state, 'assigned') >= 0;
}

function checkNodes(world: World): void {
  for (const nodeId of nodeIds) {
    const tasks = world.tasks().filter((task) => task.nodeId === nodeId && holdsResources(task));
    expect(tasks.length, `tasks of 1 CPU on ${nodeId} with 2`).toBeLessThanOrEqual(2);
    const ports = tasks.flatMap((task) => task.hostPorts.map((port) => port.publishedPort));
    expect(new Set(ports).size, `host ports on ${nodeId}`).toBe(ports.length);
  }
}

function checkAddresses(world: World): void {
  const addresses = world.tasks().filter((task) => !hasEnded(task)).flatMap((task) => task.networks.map(({ address }) => address));
  expect(new Set(addresses).size, 'addresses').toBe(addresses.length);
}

/** A slot has one task that may run; start-first, two. */
function checkSlots(world: World, order: 'stop-first' | 'start-first'): void {
  const mayRun = world.alive().filter((task) => task.desiredState === 'running' && !isLost(world.view, task));
  for (const { slot } of mayRun) {
    expect(mayRun.filter((task) => task.slot === slot).length, `tasks of slot ${slot}`).toBeLessThanOrEqual(order === 'start-first' ? 2 : 1);
  }
}

/** In the end: one running task per slot as far as there is room, all of the current version. */
function checkEnd(world: World, replicas: number): void {
  const alive = world.alive().filter((task) => !isLost(world.view, task));
  expect(new Set(alive.map(({ slot }) => slot)).size, 'slots').toBe(replicas);
  expect(alive.length, 'tasks').toBe(replicas);
  const version = world.view.get('service', 'web')!.templateVersion;
  expect(alive.filter((task) => task.status.state !== 'running' || task.templateVersion !== version)).toEqual([]);
  expect(world.view.get('template', templateId('web', version))).toBeDefined();
}

function tell(world: World, order: 'stop-first' | 'start-first', story: readonly Event[]): void {
  for (const event of story) {
    happen(world, event);
    world.nowMs += 1;
    world.settle();
    checkNodes(world);
    checkAddresses(world);
    checkSlots(world, order);
  }
}

function healAndCheck(world: World, replicas: number): void {
  world.scale('web', replicas);
  for (const id of nodeIds) {
    world.changeNode(id, (node) => ({ ...node, status: { ...node.status, state: 'ready' }, spec: { ...node.spec, availability: 'active' } }));
  }
  for (let round = 0; round < 20; round++) world.after(6000);
  checkEnd(world, replicas);
  expect(world.settle(), 'a second look').toEqual([]);
}

const anOrder = fc.constantFrom('stop-first' as const, 'start-first' as const);

test.each(['quick', 'slow'])('whatever happens, with %s agents: nothing is over-committed or given twice, it settles, and in the end everything runs once', (agents) => {
  fc.assert(
    fc.property(anOrder, fc.boolean(), fc.array(anEvent, { maxLength: 25 }), (order, hostPort, story) => {
      const world = aStoryOf(order, hostPort);
      const quick = world.agents;
      if (agents === 'slow') world.agents = () => ({ changes: [] });
      world.settle();
      tell(world, order, story);
      world.agents = quick;
      healAndCheck(world, 3);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('scaling from n to m changes exactly |n − m| tasks', () => {
  fc.assert(
    fc.property(fc.nat(12), fc.nat(12), (from, to) => {
      const world = aWorldOf([aService({ replicas: from })]);
      world.settle();
      const before = new Set(world.alive().map(({ id }) => id));
      world.scale('web', to);
      world.settle();
      const after = new Set(world.alive().map(({ id }) => id));
      expect(after.size).toBe(to);
      expect([...before].filter((id) => after.has(id))).toHaveLength(Math.min(from, to));
    }),
    { numRuns: 60 },
  );
});
