import { expect, test } from 'vitest';
import type { Dependency, Service, ServiceSpec, Task } from '../../model/src/index.js';
import { dependencyCycle } from '../../model/src/index.js';
import { applyChanges, aService, aTemplate, report, type World } from '../../model/src/testing/index.js';
import { waitOf } from '../src/index.js';
import { aWorldOf } from './loops.js';

const image = (version: number) => (spec: ServiceSpec): ServiceSpec => ({ ...spec, template: { ...spec.template, container: { ...spec.template.container, image: `shoal/whoami:${version}` } } });

function dependent(service: string, condition: Dependency['condition'], more: Partial<Dependency> = {}): Service {
  return aService({ id: 'app', replicas: 2, spec: { dependsOn: [{ service, condition, ...more }] } });
}

/** Agents that do nothing of their own: the test reports. */
function aStillWorldOf(services: Service[]): World {
  const world = aWorldOf(services);
  world.agents = () => ({ changes: [] });
  return world;
}

function tell(world: World, service: string, state: Task['status']['state'], more: { exitCode?: number } = {}): void {
  for (const task of world.view.tasksOfService(service)) {
    if (task.status.state === 'complete' || task.status.state === 'failed' || task.desiredState === 'shutdown') continue;
    applyChanges(world.view, [report(task, state, (world.nowMs += 1), more)]);
  }
}

const wait = (world: World) => waitOf(world.view, world.view.get('service', 'app')!);
const tasksOf = (world: World, service: string) => world.view.tasksOfService(service).length;

test('a service waits until every task of the other runs', () => {
  const world = aStillWorldOf([dependent('db', 'service_healthy'), aService({ id: 'db', replicas: 2 })]);
  expect(world.settle()).toEqual(['create db.1: its slot is empty', 'create db.2: its slot is empty']);
  tell(world, 'db', 'starting');
  expect(world.settle()).toEqual([]);
  expect(wait(world)).toEqual({ message: 'waits for db to be healthy: 0 of 2', failed: false });
  tell(world, 'db', 'running');
  expect(world.settle()).toEqual(['create app.1: its slot is empty', 'create app.2: its slot is empty']);
  expect(wait(world)).toBeUndefined();
});

test('started is enough, healthy or not', () => {
  const world = aStillWorldOf([dependent('db', 'service_started'), aService({ id: 'db' })]);
  world.settle();
  const [db] = world.view.tasksOfService('db');
  const starting = { state: 'starting' as const, timestamp: db!.status.timestamp, message: 'starting', error: '' };
  applyChanges(world.view, [{ action: 'status', kind: 'task', id: db!.id, actor: 'agent', status: starting }]);
  expect(world.settle()).toEqual([]);
  applyChanges(world.view, [{ action: 'status', kind: 'task', id: db!.id, actor: 'agent', status: { ...starting, container: { id: 'c', pid: 7 } } }]);
  expect(world.settle()).toHaveLength(2);
});

test('once it has begun it does not care what becomes of the other', () => {
  const world = aWorldOf([dependent('db', 'service_healthy'), aService({ id: 'db' })]);
  world.settle();
  expect(tasksOf(world, 'app')).toBe(2);
  world.view.apply('service', 'db', undefined);
  world.settle();
  world.scale('app', 3);
  expect(world.settle()).toEqual(['create app.3: its slot is empty']);
});

const job: Partial<ServiceSpec> = { mode: { kind: 'replicated-job', totalCompletions: 1, maxConcurrent: 1 }, template: aTemplate({ restart: { condition: 'none' } }) };

test('an update waits for the new run of a job, and the old tasks are kept up meanwhile', () => {
  const world = aWorldOf([dependent('migrate', 'service_completed_successfully'), aService({ id: 'migrate', spec: job })]);
  world.settle();
  expect(tasksOf(world, 'app')).toBe(2);
  world.agents = () => ({ changes: [] });
  world.changeService('migrate', image(2));
  world.changeService('app', image(2));
  world.settle();
  expect(wait(world)).toEqual({ message: 'waits for migrate to complete: 0 of 1', failed: false });
  const [first] = world.view.tasksOfService('app').filter(({ slot }) => slot === 1);
  applyChanges(world.view, [report(first!, 'failed', (world.nowMs += 1), { exitCode: 1 })]);
  expect(world.settle()).toEqual(['create app.1: the one before is failed, starts in 5 s', 'shut down app.1 on node-a: it is failed']);
  expect(world.view.tasksOfService('app').map(({ templateVersion }) => templateVersion)).toEqual([1, 1, 1]);
  tell(world, 'migrate', 'complete');
  expect(world.settle()).toContain('service app: update in progress');
  expect(wait(world)).toBeUndefined();
});

test('a job that failed for good leaves what depends on it untouched', () => {
  const world = aWorldOf([dependent('migrate', 'service_completed_successfully'), aService({ id: 'migrate', spec: job })]);
  world.settle();
  world.agents = () => ({ changes: [] });
  const before = world.alive().map(({ id }) => id);
  world.changeService('migrate', image(2));
  world.changeService('app', image(2));
  world.settle();
  tell(world, 'migrate', 'failed', { exitCode: 3 });
  expect(world.settle()).toEqual([]);
  expect(wait(world)).toEqual({ message: 'waits for migrate, which failed with exit status 3', failed: true });
  expect(world.after(600_000)).toEqual([]);
  expect(world.alive().map(({ id }) => id)).toEqual(before);
  world.changeService('migrate', image(3));
  world.settle();
  expect(wait(world)).toMatchObject({ failed: false });
  tell(world, 'migrate', 'complete');
  expect(world.settle()).toContain('service app: update in progress');
});

test('a job may be a replicated service that is not restarted', () => {
  const once = aService({ id: 'migrate', spec: { template: aTemplate({ restart: { condition: 'on-failure' } }) } });
  const world = aStillWorldOf([dependent('migrate', 'service_completed_successfully'), once]);
  world.settle();
  tell(world, 'migrate', 'running');
  expect(world.settle()).toEqual([]);
  tell(world, 'migrate', 'complete', { exitCode: 0 });
  expect(world.settle()).toContain('create app.1: its slot is empty');
});

test('what is optional is waited for while there is hope', () => {
  const world = aStillWorldOf([dependent('migrate', 'service_completed_successfully', { optional: true }), aService({ id: 'migrate', spec: job })]);
  world.settle();
  expect(wait(world)).toMatchObject({ failed: false });
  tell(world, 'migrate', 'failed', { exitCode: 3 });
  expect(world.settle()).toHaveLength(2);
  expect(aStillWorldOf([dependent('nobody', 'service_started', { optional: true })]).settle()).toHaveLength(2);
});

test('the update of another is waited for, and one that was given up is told', () => {
  const world = aWorldOf([dependent('db', 'service_healthy'), aService({ id: 'db', spec: { update: { parallelism: 1, failureAction: 'pause' } } })]);
  world.settle();
  world.nowMs += 60_000;
  world.agents = () => ({ changes: [] });
  world.changeService('db', image(2));
  world.changeService('app', image(2));
  world.settle();
  expect(wait(world)).toEqual({ message: 'waits for db to be healthy: 0 of 1', failed: false });
  const fresh = world.view.tasksOfService('db').find(({ templateVersion }) => templateVersion === 2)!;
  applyChanges(world.view, [report(fresh, 'failed', (world.nowMs += 1), { exitCode: 1 })]);
  world.settle();
  expect(wait(world)).toEqual({ message: `waits for db, which is stuck: update paused due to failure or early termination of task ${fresh.id}`, failed: true });
});

test('who waits for one that waits in vain waits in vain', () => {
  const middle = aService({ id: 'middle', spec: { dependsOn: [{ service: 'nobody', condition: 'service_started' }] } });
  const world = aStillWorldOf([dependent('middle', 'service_started'), middle]);
  expect(world.settle()).toEqual([]);
  expect(wait(world)).toEqual({ message: 'waits for middle, which waits for nobody, which does not exist', failed: true });
});

test('a way back to where it began is found, and told with its path', () => {
  const of = (edges: Record<string, string[]>) => dependencyCycle(new Map(Object.entries(edges)))?.join(' → ');
  expect(of({ a: ['b', 'c'], b: ['c'], c: [] })).toBeUndefined();
  expect(of({ a: ['b'], b: ['c'], c: ['d', 'b'], d: [] })).toBe('b → c → b');
  expect(of({ a: ['a'] })).toBe('a → a');
});
