import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceSpec } from '../../../libs/model/src/index.js';
import { aTemplate, anIngressNetwork } from '../../../libs/model/src/testing/index.js';
import { fakeStackReader } from './fake-stack-reader.js';
import { startHttpHarness, type HttpHarness } from './http-harness.js';

let harness: HttpHarness;
beforeAll(async () => {
  harness = await startHttpHarness({ stackReader: fakeStackReader });
  await harness.store.commit([{ action: 'create', kind: 'network', object: anIngressNetwork() }]);
});
afterAll(() => harness?.end());

const labels = { 'com.docker.stack.namespace': 'app' };
const key = (text: string) => ({ name: 'app_key', labels, data: Buffer.from(text).toString('base64') });

function web(image: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  const secrets = [{ id: '', name: 'app_key', file: { name: 'key', uid: '0', gid: '0', mode: 0o444 } }];
  return { name: 'app_web', labels, template: aTemplate({ container: { image, secrets } }), mode: { kind: 'replicated', replicas: 2 }, ...more };
}

const deploy = (service: ServiceSpec, secret: string, more: object = {}) =>
  harness.call('POST', '/shoal/v1/stacks/app', { files: [{ path: 'a.yml', text: JSON.stringify({ services: [service], secrets: [key(secret)] }) }], workingDir: '/', env: {}, ...more });
const get = async (path = '') => (await harness.call('GET', `/shoal/v1/stacks/app/revisions${path}`)).json;
const rollBack = (body: object = {}) => harness.call('POST', '/shoal/v1/stacks/app/rollback', body);

test('a plan says where tasks would go and changes nothing; deployed onto that revision, it is what happens, and planned again it is empty', async () => {
  const planned = await deploy(web('a:1'), 'one', { dryRun: true });
  expect(planned.json).toMatchObject({
    revision: 1,
    plan: { currentRevision: 0, unchanged: [], complete: true, pending: [], placements: [{ service: 'app_web', task: 'app_web.1' }, { task: 'app_web.2' }] },
  });
  expect(new Set(planned.json.plan.placements.map(({ node }: { node: string }) => node))).toEqual(new Set(['m1', 'w1']));
  expect([harness.store.view().count('service'), harness.store.view().count('task')]).toEqual([0, 0]);
  const done = await deploy(web('a:1'), 'one', { ifRevision: planned.json.plan.currentRevision, user: 'ada' });
  expect(done.json.changes).toEqual(planned.json.changes);
  expect(done.json).not.toHaveProperty('plan');
  const again = await deploy(web('a:1'), 'one', { dryRun: true });
  expect(again.json).toMatchObject({ changes: [], plan: { currentRevision: 1, placements: [], unchanged: [{ kind: 'secret', name: 'app_key' }, { kind: 'service', name: 'app_web' }] } });
});

test('what would stay pending is told with its reason', async () => {
  const hungry = web('a:1');
  hungry.template.resources = { reservations: { memoryBytes: 2 ** 40 } };
  const { json } = await deploy(hungry, 'one', { dryRun: true });
  expect(json.plan.pending).toHaveLength(2);
  expect(json.plan.pending[0]).toMatchObject({ task: 'app_web.1', reason: expect.stringContaining('insufficient resources') });
});

test('history, newest first: who, when, what, and never a content', async () => {
  await deploy(web('a:2'), 'two', { user: 'bob' });
  const history = await get();
  expect(history).toMatchObject([
    { revision: 2, deployedBy: 'bob', services: [{ name: 'app_web', image: 'a:2' }] },
    { revision: 1, deployedBy: 'ada', deployedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
  ]);
  const second = await get('/2');
  expect(second.spec.secrets).toMatchObject([{ name: 'app_key', objectName: expect.stringMatching(/^app_key-[0-9a-f]{10}$/) }]);
  expect(JSON.stringify(second)).not.toContain(key('two').data);
  expect(await get('/7')).toEqual({ message: 'stack app has no revision 7: 1 to 2 are kept' });
  expect(await get('/x')).toEqual({ message: '"x" is not the number of a revision' });
  expect((await harness.call('GET', '/shoal/v1/stacks/nope/revisions')).status).toBe(404);
});

test('a rollback is a new revision with the old spec and the old content', async () => {
  const dry = await rollBack({ dryRun: true });
  expect(dry.json.changes.map(({ name }: { name: string }) => name)).toEqual(['app_key', 'app_web']);
  expect((await rollBack({ ifRevision: 1 })).status).toBe(409);
  const { json } = await rollBack({ ifRevision: 2, user: 'eve' });
  expect(json).toMatchObject({ revision: 3, changes: dry.json.changes });
  const { container } = harness.store.view().named('service', 'app_web')!.spec.template;
  expect(container).toMatchObject({ image: 'a:1', secrets: [{ name: 'app_key' }] });
  expect((await get())[0]).toMatchObject({ revision: 3, rollbackTo: 1, deployedBy: 'eve' });
  expect((await rollBack({ revision: 3 })).json).toMatchObject({ revision: 3, changes: [], message: 'nothing changed' });
});

test('a rollback whose secret is gone says which, and changes nothing', async () => {
  const second = (await get('/2')).spec.secrets[0];
  await harness.store.commit([{ action: 'remove', kind: 'secret', id: second.objectId }]);
  expect(await rollBack({ revision: 2 })).toMatchObject({
    status: 400,
    json: { message: expect.stringContaining('stack app cannot go back to revision 2'), problems: [{ message: expect.stringContaining(`it was in secret ${second.objectName}, which was removed`) }] },
  });
  expect(await get()).toHaveLength(3);
});

test('there is nothing before the first', async () => {
  await harness.call('POST', '/shoal/v1/stacks/solo', { files: [{ path: 'a.yml', text: JSON.stringify({ services: [{ ...web('a:1'), name: 'solo_web', labels: { 'com.docker.stack.namespace': 'solo' }, template: aTemplate() }] }) }], workingDir: '/', env: {} });
  expect(await harness.call('POST', '/shoal/v1/stacks/solo/rollback', {})).toMatchObject({ status: 400, json: { message: expect.stringContaining('nothing to go back to') } });
});
