import { expect, test } from 'vitest';
import { createServiceChanges, normalServiceSpec, rollBackChanges, updateServiceChanges, type ServiceSpec } from '../src/index.js';
import { aService, aTask, aTemplate, viewOf } from '../src/testing/index.js';

const kinds = (changes: ReturnType<typeof createServiceChanges>) => changes.map((change) => `${change.action} ${change.kind}`);
const withImage = (spec: ServiceSpec, image: string): ServiceSpec => ({ ...spec, template: aTemplate({ container: { image } }) });

test('a new service begins with the first version of its template', () => {
  expect(createServiceChanges('s', aService().spec)).toMatchObject([
    { action: 'create', kind: 'template', object: { id: 's.1' } },
    { action: 'create', kind: 'service', object: { id: 's', templateVersion: 1, status: { ports: [], virtualIps: [] } } },
  ]);
});

test('no difference, no writes; the order of keys is no difference', () => {
  const service = aService();
  const shuffled = Object.fromEntries(Object.entries(service.spec).reverse()) as unknown as ServiceSpec;
  expect(updateServiceChanges(viewOf({ service: [service] }), service, { ...shuffled, rollback: undefined })).toEqual([]);
});

test('replicas, labels and ports make no new tasks', () => {
  const service = aService({ replicas: 1 });
  const changes = updateServiceChanges(viewOf({ service: [service] }), service, { ...service.spec, labels: { a: 'b' }, mode: { kind: 'replicated', replicas: 9 } }, { expect: 1 });
  expect(changes).toMatchObject([{ action: 'update', kind: 'service', expect: 1, object: { templateVersion: 1, previousSpec: service.spec } }]);
});

test('another restart policy makes no new tasks', () => {
  const service = aService();
  const view = viewOf({ service: [service] });
  const never = { ...service.spec, template: { ...service.spec.template, restart: { condition: 'none' as const } } };
  expect(updateServiceChanges(view, service, never)[0]).toMatchObject({ action: 'update', kind: 'service', object: { templateVersion: 1, spec: never } });
  const both = { ...never, template: { ...never.template, forceUpdate: 1 } };
  expect(updateServiceChanges(view, service, both)).toMatchObject([{ object: { templateVersion: 2 } }, { object: { id: 'web.2', template: both.template } }]);
});

test('another template is stored under the next version, and an old outcome is cleared', () => {
  const service = aService({ status: { update: { state: 'completed', startedAt: '', message: '' } } });
  const changes = updateServiceChanges(viewOf({ service: [service] }), service, withImage(service.spec, 'b:2'));
  expect(kinds(changes)).toEqual(['update service', 'create template', 'status service']);
  expect(changes[1]).toMatchObject({ object: { id: 'web.2', template: { container: { image: 'b:2' } } } });
  expect(changes[2]).toMatchObject({ status: { update: undefined } });
});

test('other logins alone are stored and make no new tasks; the same or none is no difference', () => {
  const service = aService({ sealedLogins: 'one', previousSpec: aService().spec, status: { update: { state: 'completed', startedAt: '', message: '' } } });
  const view = viewOf({ service: [service] });
  expect(updateServiceChanges(view, service, service.spec, { expect: 1, sealedLogins: 'two' })).toEqual([{ action: 'update', kind: 'service', expect: 1, object: { ...service, sealedLogins: 'two' } }]);
  expect(updateServiceChanges(view, service, service.spec, { sealedLogins: 'one' })).toEqual([]);
  expect(updateServiceChanges(view, service, service.spec)).toEqual([]);
});

test('logins outlive a change that brings none', () => {
  const service = aService({ sealedLogins: 'one' });
  const view = viewOf({ service: [service] });
  const next = withImage(service.spec, 'b:2');
  expect(updateServiceChanges(view, service, next)[0]).toMatchObject({ object: { sealedLogins: 'one' } });
  expect(updateServiceChanges(view, service, next, { sealedLogins: 'two' })[0]).toMatchObject({ object: { sealedLogins: 'two' } });
});

test('going back to what some tasks still run takes their version', () => {
  const first = aService();
  const second = { ...first, templateVersion: 2, spec: withImage(first.spec, 'b:2') };
  const old = { id: 'web.1', template: first.spec.template, version: 1, createdAt: '', updatedAt: '' };
  const task = aTask({ templateVersion: 1, state: 'running' });
  const view = viewOf({ service: [second], template: [old], task: [task] });
  expect(updateServiceChanges(view, second, first.spec)).toMatchObject([{ action: 'update', kind: 'service', object: { templateVersion: 1 } }]);
  expect(updateServiceChanges(viewOf({ service: [second], template: [old] }), second, first.spec)).toMatchObject([{ object: { templateVersion: 3 } }, { action: 'create', object: { id: 'web.3' } }]);
});

test('the stored form leaves out silence and fills in what clients read back', () => {
  const said = aService().spec;
  const silent = normalServiceSpec({
    ...said,
    mode: { kind: 'replicated' },
    template: {
      ...said.template,
      runtime: 'container',
      resources: { limits: {}, reservations: {} },
      placement: { constraints: [], preferences: [], platforms: [] },
      container: { ...said.template.container, isolation: 'default', dns: { nameservers: [], search: [], options: [] }, privileges: { noNewPrivileges: false, CredentialSpec: null } },
    },
    update: { parallelism: 1 },
    endpoint: { ports: [{ targetPort: 80 }] },
  });
  expect(silent).toEqual({
    ...said,
    mode: { kind: 'replicated', replicas: 1 },
    update: { parallelism: 1, failureAction: 'pause', order: 'stop-first' },
    endpoint: { mode: 'vip', ports: [{ targetPort: 80, protocol: 'tcp', publishMode: 'ingress' }] },
  });
  expect(normalServiceSpec(silent)).toEqual(silent);
});

test('a failed update goes back to the spec before, with its template and all logins; nothing is left to go back to', () => {
  const spec = aService().spec;
  const view = viewOf({ service: [aService({ id: 'web', spec: withImage(spec, 'bad'), previousSpec: spec, sealedLogins: 'all', templateVersion: 2 })], task: [aTask({ templateVersion: 1 })] });
  const update = { state: 'rollback_started', startedAt: '2024-01-01T00:00:00.000000000Z', message: 'why' } as const;
  const changes = rollBackChanges(view, view.get('service', 'web')!, update);
  expect(changes.at(-1)).toMatchObject({ action: 'status', status: { update } });
  expect(changes[0]).toMatchObject({ action: 'update', expect: view.get('service', 'web')!.version, object: { spec, sealedLogins: 'all', previousSpec: undefined } });
  expect(rollBackChanges(view, aService(), update)).toEqual([]);
});

test('a job that is rolled back is run anew, with no update that nobody would end', () => {
  const mode = { kind: 'global-job' } as const;
  const service = aService({ templateVersion: 2, spec: { mode, template: aTemplate({ container: { image: 'b:2' } }) }, previousSpec: aService({ spec: { mode } }).spec });
  const changes = updateServiceChanges(viewOf({ service: [service] }), service, service.previousSpec!, { update: { state: 'rollback_started', startedAt: '', message: '' } });
  expect(kinds(changes)).toEqual(['update service', 'create template']);
});
