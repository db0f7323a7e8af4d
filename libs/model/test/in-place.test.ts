import { describe, expect, it, test } from 'vitest';
import { needsNewTasks, updateServiceChanges, type ServiceSpec, type TaskTemplate } from '../src/index.js';
import { aService, aTask, aTemplate, viewOf } from '../src/testing/index.js';

const before: TaskTemplate = {
  ...aTemplate(),
  resources: { limits: { memoryBytes: 64 << 20, cpuShares: 512 }, reservations: { memoryBytes: 32 << 20 } },
  networks: [{ target: 'net', aliases: ['old'] }],
};

describe('in place is a change of', () => {
  it.each<[string, Partial<TaskTemplate>]>([
    ['the restart policy', { restart: { condition: 'none' } }],
    ['constraints', { placement: { constraints: ['node.role==worker'], preferences: [], platforms: [] } }],
    ['preferences', { placement: { constraints: [], preferences: [{ spread: 'node.labels.zone' }], platforms: [] } }],
    ['the memory limit', { resources: { ...before.resources, limits: { cpuShares: 512, memoryBytes: 128 << 20 } } }],
    ['a limit that is taken away', { resources: { ...before.resources, limits: { cpuShares: 512 } } }],
    ['a limit of processors or processes that comes', { resources: { ...before.resources, limits: { ...before.resources!.limits, nanoCpus: 5e8, pids: 10 } } }],
    ['aliases', { networks: [{ target: 'net', aliases: ['new', 'names'] }] }],
  ])('%s', (_what, change) => expect(needsNewTasks(before, { ...before, ...change })).toBe(false));
});

describe('new tasks are made for another', () => {
  it.each<[string, Partial<TaskTemplate>]>([
    ['image', { container: { ...before.container, image: 'b:2' } }],
    ['reservation', { resources: { ...before.resources, reservations: { memoryBytes: 1 } } }],
    ['limit that only a start gives', { resources: { ...before.resources, limits: { ...before.resources!.limits, cpuShares: 1024 } } }],
    ['network', { networks: [{ target: 'other', aliases: ['old'] }] }],
    ['address in a network', { networks: [{ target: 'net', aliases: ['old'], addresses: ['10.0.0.9'] }] }],
    ['platform', { placement: { constraints: [], preferences: [], platforms: [{ os: 'linux', architecture: 'arm64' }] } }],
    ['count of forced updates', { forceUpdate: 1 }],
  ])('%s', (_what, change) => expect(needsNewTasks(before, { ...before, ...change })).toBe(true));
});

test('a change in place is written into the template that the tasks have', () => {
  const service = aService({ spec: { ...aService().spec, template: before } });
  const stored = { id: 'web.1', template: before, version: 1, createdAt: '', updatedAt: '' };
  const after: ServiceSpec = { ...service.spec, template: { ...before, resources: { limits: { memoryBytes: 1 << 30, cpuShares: 512 }, reservations: before.resources!.reservations! } } };
  expect(updateServiceChanges(viewOf({ service: [service], template: [stored] }), service, after)).toMatchObject([
    { action: 'update', kind: 'service', object: { templateVersion: 1, spec: after } },
    { action: 'update', kind: 'template', object: { id: 'web.1', template: after.template } },
  ]);
});

test('fewer tasks per node than there are make new tasks, as many as there are do not', () => {
  const service = aService();
  const tasks = [1, 2].map((slot) => aTask({ id: `t${slot}`, slot, nodeId: 'node-a', state: 'running' }));
  const view = viewOf({ service: [service], task: tasks });
  const atMost = (maxReplicas: number): ServiceSpec => ({ ...service.spec, template: { ...service.spec.template, placement: { constraints: [], preferences: [], platforms: [], maxReplicas } } });
  expect(updateServiceChanges(view, service, atMost(2))[0]).toMatchObject({ object: { templateVersion: 1 } });
  expect(updateServiceChanges(view, service, atMost(1))[0]).toMatchObject({ object: { templateVersion: 2 } });
});
