import { describe, expect, test } from 'vitest';
import { seededRandom, timestamp } from '../../base/src/index.js';
import { stackLabel, type Change, type IndexedView, type ServiceSpec, type StackSpec } from '../../model/src/index.js';
import { aTask, aTemplate, viewOf } from '../../model/src/testing/index.js';
import { compareRevisions, planStack, planStackRemoval, restoredSpec, revisionsKept, revisionsOf, type StackPlanOptions } from '../src/index.js';

const labels = { [stackLabel]: 'app' };
const random = seededRandom(5);
const contents = {
  seal: (data: string) => `sealed(${data})`,
  open: (sealed: string) => sealed.slice(7, -1),
  digest: (data: string) => Buffer.from(data).toString('hex').padEnd(64, '0'),
};

function web(image: string, more: Partial<ServiceSpec> = {}, env: string[] = []): ServiceSpec {
  const secrets = [{ id: '', name: 'app_key', file: { name: 'key', uid: '0', gid: '0', mode: 0o444 } }];
  return { name: 'app_web', labels, template: aTemplate({ container: { image, env, secrets } }), mode: { kind: 'replicated', replicas: 2 }, ...more };
}

function stack(service: ServiceSpec, key: string, more: Partial<StackSpec> = {}): StackSpec {
  const secrets = [{ name: 'app_key', labels, data: Buffer.from(key).toString('base64') }];
  return { name: 'app', services: [service], networks: [], secrets, configs: [], external: { networks: [], secrets: [], configs: [] }, ...more };
}

let revision = 10;

function apply(view: IndexedView, changes: readonly Change[]): void {
  revision++;
  for (const change of changes) {
    if (change.action === 'remove') view.apply(change.kind, change.id, undefined);
    else if (change.action !== 'status') view.apply(change.kind, change.object.id, { ...change.object, version: revision, createdAt: timestamp(0), updatedAt: timestamp(0) } as never);
  }
}

function deploy(view: IndexedView, spec: StackSpec, more: Partial<StackPlanOptions> = {}) {
  const plan = planStack(view, spec, { prune: false, random, contents, ...more });
  expect(plan.problems).toEqual([]);
  apply(view, plan.writes);
  return plan;
}

describe('revisions', () => {
  test('each deploy that changes something leaves one, without contents; the oldest are forgotten', () => {
    const view = viewOf({});
    deploy(view, stack(web('whoami:1'), 'one'), { deployedBy: 'ada' });
    deploy(view, stack(web('whoami:1'), 'one'), { deployedBy: 'bob' });
    deploy(view, stack(web('whoami:2'), 'two'));
    expect(revisionsOf(view, 'app').map(({ revision: number, deployedBy }) => [number, deployedBy])).toEqual([[1, 'ada'], [2, '']]);
    const [first, second] = revisionsOf(view, 'app');
    expect(first!.spec.secrets).toEqual([{ name: 'app_key', labels, objectId: view.named('secret', 'app_key')!.id, objectName: 'app_key' }]);
    expect(second!.spec.secrets[0]!.objectName).toMatch(/^app_key-[0-9a-f]{10}$/);
    for (let index = 3; index <= revisionsKept + 4; index++) deploy(view, stack(web(`whoami:${index}`), 'two'));
    expect(view.count('stack-revision')).toBe(revisionsKept);
    expect(revisionsOf(view, 'app').map(({ revision: number }) => number)).toEqual(Array.from({ length: revisionsKept }, (_, index) => index + 5));
  });

  test('one that is deployed again brings back the spec and the old content, and says what it repeats', () => {
    const view = viewOf({});
    deploy(view, stack(web('whoami:1'), 'one'));
    const old = view.named('service', 'app_web')!.spec;
    deploy(view, stack(web('whoami:2'), 'two'));
    const restored = restoredSpec(view, revisionsOf(view, 'app')[0]!, contents);
    expect(restored.problems).toEqual([]);
    const { revision: number } = deploy(view, restored.spec, { rollbackTo: 1 });
    expect(number).toBe(3);
    expect(view.named('service', 'app_web')!.spec).toEqual(old);
    expect(revisionsOf(view, 'app').at(-1)).toMatchObject({ revision: 3, rollbackTo: 1 });
    expect(view.count('secret')).toBe(2);
  });

  test('a content that was removed by hand is missed by name', () => {
    const view = viewOf({});
    deploy(view, stack(web('whoami:1'), 'one'));
    deploy(view, stack(web('whoami:2'), 'two'));
    view.apply('secret', view.named('secret', 'app_key')!.id, undefined);
    const { problems } = restoredSpec(view, revisionsOf(view, 'app')[0]!, contents);
    expect(problems.map(({ message }) => message)).toEqual(['the content of secret app_key in revision 1 is gone: it was in secret app_key, which was removed; deploy the file again instead']);
  });

  test('removal of the stack takes them along', () => {
    const view = viewOf({});
    deploy(view, stack(web('whoami:1'), 'one'));
    deploy(view, stack(web('whoami:2'), 'one'));
    apply(view, planStackRemoval(view, 'app').writes);
    expect([view.count('stack'), view.count('stack-revision')]).toEqual([0, 0]);
  });
});

describe('differences', () => {
  const before = web('whoami:1', { endpoint: { ports: [{ targetPort: 80, publishedPort: 4000 }] } }, ['LOG=info', 'OLD=1']);
  const after = web('whoami:2', { mode: { kind: 'replicated', replicas: 5 }, endpoint: { ports: [{ targetPort: 80, publishedPort: 4001 }] } }, ['LOG=debug']);

  test('a plan tells each field of a service, and which ones replace its tasks', () => {
    const view = viewOf({});
    deploy(view, stack(before, 'one'));
    const { id } = view.named('service', 'app_web')!;
    view.apply('task', 't1', aTask({ id: 't1', serviceId: id, state: 'running' }));
    const { changes } = planStack(view, stack(after, 'one'), { prune: false, random, contents });
    expect(changes.find(({ kind }) => kind === 'service')).toEqual({
      action: 'update',
      kind: 'service',
      name: 'app_web',
      detail: 'replicas 2 → 5, image whoami:1 → whoami:2, environment, ports; 1 task is replaced',
      replacedTasks: 1,
      fields: [
        { field: 'environment.LOG', before: 'info', after: 'debug', restarts: true },
        { field: 'environment.OLD', before: '1', restarts: true },
        { field: 'image', before: 'whoami:1', after: 'whoami:2', restarts: true },
        { field: 'ports.80/tcp', before: 'published as 4000', after: 'published as 4001', restarts: false },
        { field: 'replicas', before: '2', after: '5', restarts: false },
      ],
    });
  });

  test('two revisions are compared in the same words; another content is told by its object', () => {
    const view = viewOf({});
    deploy(view, stack(before, 'one'));
    deploy(view, stack(after, 'two', { services: [after, web('new:1', { name: 'app_new' })] }));
    const [first, second] = revisionsOf(view, 'app');
    const changes = compareRevisions(first!.spec, second!.spec);
    expect(changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).toEqual(['update secret app_key', 'update service app_web', 'create service app_new']);
    expect(changes[1]!.fields!.map(({ field }) => field)).toEqual(['environment.LOG', 'environment.OLD', 'image', 'ports.80/tcp', 'replicas', 'secrets.key']);
    expect(compareRevisions(second!.spec, first!.spec).at(-1)).toEqual({ action: 'remove', kind: 'service', name: 'app_new' });
    expect(compareRevisions(second!.spec, second!.spec)).toEqual([]);
  });

  test('the same list in another order has a name too', () => {
    const view = viewOf({});
    deploy(view, stack(web('whoami:1', {}, ['A=1', 'B=2']), 'one'));
    const { changes } = planStack(view, stack(web('whoami:1', {}, ['B=2', 'A=1']), 'one'), { prune: false, random, contents });
    expect(changes.at(-1)).toMatchObject({ detail: 'order of values; 0 tasks are replaced', fields: [{ field: 'order of values', restarts: true }] });
  });

  test('what the file does not have any more is named while it stays', () => {
    const view = viewOf({});
    deploy(view, stack(web('whoami:1'), 'one', { services: [web('whoami:1'), web('old:1', { name: 'app_old' })] }));
    const kept = planStack(view, stack(web('whoami:1'), 'one'), { prune: false, random, contents });
    expect([kept.orphans, kept.writes]).toEqual([[{ kind: 'service', name: 'app_old' }], []]);
    expect(planStack(view, stack(web('whoami:1'), 'one'), { prune: true, random, contents }).orphans).toEqual([]);
  });
});
