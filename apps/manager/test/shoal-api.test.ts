import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceSpec } from '../../../libs/model/src/index.js';
import { anIngressNetwork, aService, aTask, aTemplate } from '../../../libs/model/src/testing/index.js';
import { openApiDocument } from '../src/shoal-api/openapi.js';
import { routes } from '../src/shoal-api/routes.js';
import { fakeStackReader } from './fake-stack-reader.js';
import { startHttpHarness, type HttpHarness } from './http-harness.js';

let harness: HttpHarness;
beforeAll(async () => {
  harness = await startHttpHarness({ stackReader: fakeStackReader });
});
afterAll(() => harness?.end());

const labels = { 'com.docker.stack.namespace': 'app' };
const service = (replicas: number, more: Partial<ServiceSpec> = {}): ServiceSpec => ({ name: 'app_web', labels, template: aTemplate(), mode: { kind: 'replicated', replicas }, ...more });
const bundle = (services: ServiceSpec[], more: object = {}) => ({ files: [{ path: 'stack.yml', text: JSON.stringify({ services }) }], workingDir: '/x', env: {}, ...more });
const deploy = (services: ServiceSpec[], more: object = {}, query = '') => harness.call('POST', `/shoal/v1/stacks/app${query}`, bundle(services, more));

test('a stack is deployed, shown, left alone, changed and removed', async () => {
  const dry = await deploy([service(5)], {}, '?dryRun=1');
  expect(dry.json).toMatchObject({ revision: 1, changes: [{ action: 'create', kind: 'service', name: 'app_web' }] });
  expect(harness.store.view().count('service')).toBe(0);

  const first = await deploy([service(5)]);
  const { id } = harness.store.view().named('service', 'app_web')!;
  expect(first).toMatchObject({ status: 200, json: { revision: 1, message: '1 of 1 objects changed', services: [id], notes: [] } });
  const seen = harness.store.view().revision;
  expect((await deploy([service(5)])).json).toMatchObject({ revision: 1, changes: [], message: 'nothing changed', services: [id] });
  expect(harness.store.view().revision).toBe(seen);
  expect((await deploy([service(8)])).json).toMatchObject({ revision: 2, changes: [{ action: 'update', name: 'app_web', detail: 'replicas 5 → 8; no task restarts' }] });

  expect((await harness.call('GET', '/shoal/v1/stacks')).json).toMatchObject([{ name: 'app', revision: 2, services: 1 }]);
  expect((await harness.call('GET', '/shoal/v1/stacks/app')).json).toMatchObject({ name: 'app', revision: 2, services: [{ id, name: 'app_web', mode: 'replicated', running: 0, desired: 8 }] });
  expect((await harness.call('DELETE', '/shoal/v1/stacks/app')).json).toEqual({ changes: [{ action: 'remove', kind: 'service', name: 'app_web' }] });
  expect(harness.store.view().count('stack')).toBe(0);
  expect(await harness.call('DELETE', '/shoal/v1/stacks/app')).toMatchObject({ status: 404, json: { message: 'nothing found in stack: app' } });
  expect((await harness.call('GET', '/shoal/v1/stacks/app')).status).toBe(404);
});

test('problems come all at once, with their places, and nothing is written', async () => {
  const before = harness.store.view().revision;
  const broken = await deploy([service(1, { name: 'app_a b' }), service(1, { template: aTemplate({ networks: [{ target: 'nope', aliases: [] }] }) })]);
  expect(broken).toMatchObject({
    status: 400,
    headers: { 'content-type': 'application/json' },
    json: {
      message: 'stack app cannot be deployed: 2 problems; the first: name must be valid as a DNS name component',
      problems: [
        { file: 'stack.yml', line: 1, column: 1, path: 'services.app_a b', message: 'name must be valid as a DNS name component' },
        { path: 'services.app_web', message: 'network nope not found' },
      ],
    },
  });
  const unreadable = await harness.call('POST', '/shoal/v1/stacks/app', { files: [{ path: 'a.yml', text: '{' }] });
  expect(unreadable).toMatchObject({ status: 400, json: { problems: [{ file: 'a.yml' }] } });
  expect((await harness.call('POST', '/shoal/v1/stacks/app', {})).json.message).toBe('files must name at least one compose file');
  expect((await harness.call('POST', '/shoal/v1/stacks/a.b', bundle([]))).json.message).toContain('invalid stack name "a.b"');
  expect(harness.store.view().revision).toBe(before);
});

test('a deploy onto a revision that has passed is refused', async () => {
  expect((await deploy([service(1)], { ifRevision: 0 })).status).toBe(200);
  expect(await deploy([service(2)], { ifRevision: 0 })).toMatchObject({ status: 409, json: { message: expect.stringContaining('stack app is at revision 1, not at 0') } });
  expect((await deploy([service(2)], { ifRevision: 1 })).json.revision).toBe(2);
});

test('the OpenAPI document covers exactly what the server answers', async () => {
  const document: any = (await harness.call('GET', '/shoal/v1/openapi.json')).json;
  expect(document).toEqual(JSON.parse(JSON.stringify(openApiDocument('0.1.0'))));
  const described = routes.map(({ method, path }) => `${method} ${path}`).sort();
  expect(described).toEqual(harness.routes.filter((route) => /\/(shoal|healthz|metrics)/.test(route)).sort());
  const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1]!);
  expect(references.filter((name) => !(name in document.components.schemas))).toEqual([]);
});

test('why a task waits, what a drain would do, and what would balance better', async () => {
  const m1 = [...harness.store.view().all('node')].find(({ status }) => status.description?.hostname === 'm1')!.id;
  await harness.store.commit([
    { action: 'create', kind: 'network', object: anIngressNetwork() },
    { action: 'create', kind: 'service', object: aService({ id: 'crowd', replicas: 3 }) },
    { action: 'create', kind: 'template', object: { id: 'crowd.1', createdAt: '', updatedAt: '', template: aTemplate() } },
    ...[1, 2, 3].map((slot) => ({ action: 'create', kind: 'task', object: aTask({ id: `crowd-${slot}`, serviceId: 'crowd', slot, nodeId: slot === 3 ? '' : m1, state: slot === 3 ? 'pending' : 'running' }) }) as const),
  ]);
  const verdicts = [{ node: 'w1', refusals: [] }, { node: 'm1', refusals: [] }];
  expect((await harness.call('GET', '/shoal/v1/tasks/crowd.3/explanation')).json).toMatchObject({ id: 'crowd-3', name: 'crowd.3', state: 'pending', nodes: expect.arrayContaining(verdicts.map((verdict) => expect.objectContaining(verdict))) });
  expect((await harness.call('GET', '/shoal/v1/services/crowd/explanation')).json).toMatchObject({ service: 'crowd', waiting: [{ tasks: ['crowd.3'] }], placed: 2 });
  expect((await harness.call('GET', '/shoal/v1/tasks/nope/explanation')).status).toBe(404);
  expect((await harness.call('GET', '/shoal/v1/nodes/m1/outlook')).json).toMatchObject({ moves: [{ task: 'crowd.1', from: 'm1', to: 'w1' }, { task: 'crowd.2', from: 'm1', to: 'w1' }], pending: [], gone: [], complete: true });
  expect((await harness.call('GET', '/shoal/v1/nodes/m1/outlook?change=flood')).status).toBe(400);
  await harness.store.commit([{ action: 'remove', kind: 'task', id: 'crowd-3' }]);
  const moves = [{ task: 'crowd.2', from: 'm1', to: 'w1', why: 'w1 has 0 of its tasks, m1 has 2' }];
  expect((await harness.call('POST', '/shoal/v1/rebalance?dryRun=1')).json).toMatchObject({ moves });
  expect(harness.store.view().get('task', 'crowd-2')!.eviction).toBeUndefined();
  expect((await harness.call('POST', '/shoal/v1/rebalance')).json).toMatchObject({ moves });
  expect(harness.store.view().get('task', 'crowd-2')!.eviction).toMatchObject({ kind: 'rebalance' });
});
