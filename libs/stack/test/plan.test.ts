import { expect, test } from 'vitest';
import { seededRandom, timestamp } from '../../base/src/index.js';
import { stackLabel, type Change, type IndexedView, type NetworkSpec, type SecretSpec, type ServiceSpec, type StackSpec } from '../../model/src/index.js';
import { aNode, aService, aTask, aTemplate, viewOf } from '../../model/src/testing/index.js';
import { planStack, planStackRemoval, pruneConverged, removalOfStackMember, revisionsKept, stackNames, versionOfLabel, type StackPlan } from '../src/index.js';

const labels = { [stackLabel]: 'app' };
const random = seededRandom(3);
const contents = {
  seal: (data: string) => `sealed(${data})`,
  open: (sealed: string) => sealed.slice(7, -1),
  digest: (data: string) => Buffer.from(data).toString('hex').padEnd(64, '0'),
};

function web(parts: Partial<ServiceSpec> = {}, image = 'whoami:1'): ServiceSpec {
  return { name: 'app_web', labels, template: aTemplate({ container: { image } }), mode: { kind: 'replicated', replicas: 2 }, ...parts };
}

function net(name = 'app_net'): NetworkSpec {
  return { name, labels, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false };
}

function key(text: string): SecretSpec & { data: string } {
  return { name: 'app_key', labels, data: Buffer.from(text).toString('base64') };
}

function stack(parts: Partial<StackSpec> = {}): StackSpec {
  return { name: 'app', services: [web()], networks: [], secrets: [], configs: [], external: { networks: [], secrets: [], configs: [] }, ...parts };
}

function plan(view: IndexedView, spec: StackSpec, prune = false): StackPlan {
  return planStack(view, spec, { prune, random, contents });
}

let revision = 10;

/** What a store does with a plan. */
function apply(view: IndexedView, changes: readonly Change[]): void {
  revision++;
  for (const change of changes) {
    if (change.action === 'remove') view.apply(change.kind, change.id, undefined);
    else if (change.action === 'status') view.apply('service', change.id, { ...view.get('service', change.id)!, status: change.status as never });
    else view.apply(change.kind, change.object.id, { ...change.object, version: revision, createdAt: timestamp(0), updatedAt: timestamp(0) } as never);
  }
}

/** Deploys, and says in words what it did. */
function deploy(view: IndexedView, spec: StackSpec, prune = false): string[] {
  const planned = plan(view, spec, prune);
  expect(planned.problems).toEqual([]);
  apply(view, planned.writes);
  return words(planned);
}

function words({ changes }: StackPlan): string[] {
  return changes.map(({ action, kind, name, detail }) => `${action} ${kind} ${name}${detail ? `: ${detail}` : ''}`);
}

test('everything is created at once, references resolved; the same again writes nothing', () => {
  const view = viewOf({});
  const service = web({ template: aTemplate({ networks: [{ target: 'app_net', aliases: ['web'] }], container: { image: 'whoami:1', secrets: [{ id: '', name: 'app_key', file: { name: 'key', uid: '0', gid: '0', mode: 292 } }] } }) });
  const spec = stack({ services: [service], networks: [net()], secrets: [key('one')] });
  expect(deploy(view, spec)).toEqual(['create network app_net', 'create secret app_key', 'create service app_web']);
  const { template } = view.named('service', 'app_web')!.spec;
  expect(template.networks[0]!.target).toBe(view.named('network', 'app_net')!.id);
  expect(template.container.secrets[0]!.id).toBe(view.named('secret', 'app_key')!.id);
  expect(view.get('stack', 'app')!.revision).toBe(1);
  expect(JSON.stringify(view.get('stack', 'app'))).not.toContain(key('one').data);

  const again = plan(view, spec);
  expect(again.writes).toEqual([]);
  expect(again.revision).toBe(1);
  expect(words(again)).toEqual(['unchanged network app_net', 'unchanged secret app_key', 'unchanged service app_web']);
});

test('another restart policy restarts nothing', () => {
  const view = viewOf({});
  deploy(view, stack());
  const patient = web();
  patient.template.restart = { condition: 'any', delayNs: 60e9 };
  expect(deploy(view, stack({ services: [patient] }))).toEqual(['update service app_web: restart_policy; no task restarts']);
});

test('more replicas restart nothing; another image says how many tasks it replaces', () => {
  const view = viewOf({});
  deploy(view, stack());
  expect(deploy(view, stack({ services: [web({ mode: { kind: 'replicated', replicas: 8 } })] }))).toEqual(['update service app_web: replicas 2 → 8; no task restarts']);
  const service = view.named('service', 'app_web')!;
  for (const slot of [1, 2, 3]) view.apply('task', `t${slot}`, aTask({ id: `t${slot}`, serviceId: service.id, slot, state: 'running' }));
  const renewed = stack({ services: [web({ mode: { kind: 'replicated', replicas: 8 } }, 'whoami:2')] });
  expect(deploy(view, renewed)).toEqual(['update service app_web: image whoami:1 → whoami:2; 3 tasks are replaced']);
  expect(view.named('service', 'app_web')).toMatchObject({ templateVersion: 2, previousSpec: { template: { container: { image: 'whoami:1' } } } });
  expect(view.get('stack', 'app')!.revision).toBe(3);
});

test('limits, aliases and constraints that still hold restart nothing; constraints that do not hold move whom they concern', () => {
  const view = viewOf({ node: [aNode({ id: 'n1', spec: { labels: { disk: 'ssd' } } }), aNode({ id: 'n2', index: 2 })] });
  const of = (parts: Parameters<typeof aTemplate>[0], constraints: string[] = []) =>
    stack({ networks: [net()], services: [web({ template: { ...aTemplate({ container: { image: 'whoami:1' }, networks: [{ target: 'app_net', aliases: [] }], ...parts }), placement: { constraints, preferences: [], platforms: [] } } })] });
  deploy(view, of({}));
  const service = view.named('service', 'app_web')!;
  for (const [slot, nodeId] of [[1, 'n1'], [2, 'n1'], [3, 'n2']] as const) view.apply('task', `t${slot}`, aTask({ id: `t${slot}`, serviceId: service.id, slot, nodeId, state: 'running' }));
  const inPlace = of({ resources: { limits: { memoryBytes: 1 << 26 } }, networks: [{ target: 'app_net', aliases: ['db'] }] }, ['node.role==worker']);
  expect(deploy(view, inPlace)).toEqual(['unchanged network app_net', 'update service app_web: placement, resources, networks; no task restarts']);
  expect(plan(view, inPlace).writes).toEqual([]);
  const moving = plan(view, of({ resources: { limits: { memoryBytes: 1 << 26 } }, networks: [{ target: 'app_net', aliases: ['db'] }] }, ['node.labels.disk==ssd']));
  expect(words(moving)).toContain('update service app_web: placement; 1 task is replaced');
  expect(moving.changes.at(-1)!.fields).toEqual([{ field: 'deploy.placement.constraints', before: '["node.role==worker"]', after: '["node.labels.disk==ssd"]', restarts: true }]);
});

test('labels of a network change in place; what else is other about it is noted, for networks do not change', () => {
  const view = viewOf({});
  deploy(view, stack({ networks: [net()] }));
  const id = view.named('network', 'app_net')!.id;
  const labelled = stack({ networks: [{ ...net(), labels: { ...labels, team: 'a' } }] });
  expect(deploy(view, labelled)).toEqual(['update network app_net: labels; no task restarts', 'unchanged service app_web']);
  expect(view.named('network', 'app_net')).toMatchObject({ id, spec: { labels: { team: 'a' } } });
  expect(plan(view, labelled).writes).toEqual([]);
  const internal = plan(view, stack({ networks: [{ ...net(), internal: true, labels: { ...labels, team: 'a' } }] }));
  expect([internal.writes, internal.notes.map(({ message }) => message)]).toEqual([[], [expect.stringContaining('differs from the network that exists')]]);
});

test('a file without replicas keeps the count that somebody scaled to', () => {
  const view = viewOf({});
  deploy(view, stack({ services: [web({ mode: { kind: 'replicated' } })] }));
  expect(view.named('service', 'app_web')!.spec.mode).toEqual({ kind: 'replicated', replicas: 1 });
  const service = view.named('service', 'app_web')!;
  view.apply('service', service.id, { ...service, spec: { ...service.spec, mode: { kind: 'replicated', replicas: 7 } } });
  expect(plan(view, stack({ services: [web({ mode: { kind: 'replicated' } })] })).writes).toEqual([]);
});

test('a secret with another content becomes another object, and going back finds the first', () => {
  const view = viewOf({});
  const withKey = (text: string) => stack({ services: [web({ template: aTemplate({ container: { image: 'whoami:1', secrets: [{ id: '', name: 'app_key', file: { name: 'key', uid: '0', gid: '0', mode: 292 } }] } }) })], secrets: [key(text)] });
  deploy(view, withKey('one'));
  const first = view.named('secret', 'app_key')!;
  const [secretLine, serviceLine] = deploy(view, withKey('two'));
  expect(secretLine).toMatch(/^update secret app_key: another content, kept as app_key-[0-9a-f]{10}$/);
  expect(serviceLine).toBe('update service app_web: secrets; 0 tasks are replaced');
  const second = [...view.all('secret')].find((secret) => secret.id !== first.id)!;
  expect(second.spec.labels).toEqual({ ...labels, [versionOfLabel]: 'app_key' });
  expect(view.named('service', 'app_web')!.spec.template.container.secrets[0]).toMatchObject({ id: second.id, name: second.spec.name, file: { name: 'key' } });
  expect(plan(view, withKey('two')).writes).toEqual([]);

  deploy(view, withKey('one'));
  expect(view.named('service', 'app_web')!.spec.template.container.secrets[0]!.id).toBe(first.id);
  expect(view.count('secret')).toBe(2);
});

test('a superseded secret goes once neither a service nor a kept revision could go back to it', () => {
  const view = viewOf({});
  const withKey = (text: string) => stack({ services: [web({ template: aTemplate({ container: { image: 'whoami:1', secrets: [{ id: '', name: 'app_key' }] } }) })], secrets: [key(text)] });
  const texts = Array.from({ length: revisionsKept + 2 }, (_, index) => `text ${index}`);
  for (const text of texts) deploy(view, withKey(text));
  expect([...view.all('secret')].map((secret) => contents.open(secret.sealed))).toEqual(texts.slice(2).map((text) => key(text).data));
});

test('prune removes what the file has no more, and only that', () => {
  const view = viewOf({ service: [aService({ id: 'stranger' })] });
  deploy(view, stack({ services: [web(), web({ name: 'app_old' })], networks: [net()] }));
  expect(plan(view, stack()).writes).toEqual([]);
  const told = 'not in the file any more; last, when the rest has converged';
  expect(deploy(view, stack(), true)).toEqual(['unchanged service app_web', `remove service app_old: ${told}`, `remove network app_net: ${told}`]);
  runAll(view);
  apply(view, pruneConverged(view).changes);
  expect([...view.all('service')].map((service) => service.spec.name).sort()).toEqual(['app_web', 'stranger']);
  expect(view.count('network')).toBe(0);
  expect(pruneConverged(view).changes).toEqual([]);
});

/** Each service has all its tasks. */
function runAll(view: IndexedView): void {
  view.apply('node', 'node-a', aNode());
  for (const { id, templateVersion } of view.all('service')) {
    for (const slot of [1, 2]) view.apply('task', `${id}.${slot}.${templateVersion}`, aTask({ id: `${id}.${slot}.${templateVersion}`, serviceId: id, slot, templateVersion, nodeId: 'node-a', state: 'running' }));
  }
}

test('what is pruned goes when the new state has converged, and not before; the next deploy without prune keeps it', () => {
  const view = viewOf({});
  const old = web({ name: 'app_old' });
  deploy(view, stack({ services: [web(), old] }));
  runAll(view);
  deploy(view, stack({ services: [web({}, 'whoami:2')] }), true);
  const hasOld = () => view.named('service', 'app_old') !== undefined;
  expect(pruneConverged(view)).toEqual({ changes: [], sentences: [] });
  expect(plan(view, stack({ services: [web({}, 'whoami:2')] }), true).writes).toEqual([]);
  deploy(view, stack({ services: [web({}, 'whoami:3')] }));
  runAll(view);
  for (const task of [...view.all('task')]) if (task.templateVersion < 3 && task.serviceId === view.named('service', 'app_web')!.id) view.apply('task', task.id, undefined);
  expect(pruneConverged(view).changes).toEqual([]);
  expect(hasOld()).toBe(true);
  deploy(view, stack({ services: [web({}, 'whoami:3')] }), true);
  const pruned = pruneConverged(view);
  expect(pruned.sentences).toEqual(['remove service app_old: stack app does not have it any more']);
  apply(view, pruned.changes);
  expect([hasOld(), view.get('stack', 'app')!.prune]).toEqual([false, undefined]);
});

test('a service whose published port the stack needs is pruned at once', () => {
  const view = viewOf({});
  const port = { ports: [{ targetPort: 80, publishedPort: 4000 }] };
  deploy(view, stack({ services: [web({ endpoint: port })] }));
  const renamed = stack({ services: [web({ name: 'app_front', endpoint: port })] });
  expect(plan(view, renamed).problems).toHaveLength(1);
  expect(deploy(view, renamed, true)).toEqual(['create service app_front', 'remove service app_web: not in the file any more; at once, for app_front takes its port']);
  expect(view.named('service', 'app_web')).toBeUndefined();
});

test('a secret that the file has no more is kept as long as a revision could be gone back to that has it, then it goes', () => {
  const view = viewOf({});
  const using = stack({ services: [web({ template: aTemplate({ container: { image: 'whoami:1', secrets: [{ id: '', name: 'app_key' }] } }) })], secrets: [key('one')] });
  deploy(view, using);
  for (let count = 1; count < revisionsKept; count++) deploy(view, stack({ services: [web({}, `whoami:${count}`)] }), true);
  expect(view.count('secret')).toBe(1);
  deploy(view, stack({ services: [web({}, 'whoami:last')] }), true);
  expect(view.count('secret')).toBe(0);
});

test('all problems are found at once, and name their object', () => {
  const port = { ports: [{ targetPort: 80, publishedPort: 4000 }] };
  const view = viewOf({ service: [aService({ id: 'taken', spec: { endpoint: port } })] });
  const spec = stack({
    services: [web({ endpoint: port }), web({ name: 'app_b', endpoint: { ports: [{ targetPort: 81, publishedPort: 4001 }] } }), web({ name: 'app_c', endpoint: { ports: [{ targetPort: 81, publishedPort: 4001 }] }, template: aTemplate({ networks: [{ target: 'nowhere', aliases: [] }] }) })],
    external: { networks: ['outside'], secrets: [], configs: [] },
  });
  expect(plan(view, spec).problems.map(({ subject, message }) => `${subject.name}: ${message}`)).toEqual([
    'outside: network "outside" is declared as external, but could not be found: create it first with: docker network create --driver overlay outside',
    "app_web: port '4000' is already in use by service 'taken' (taken) as an ingress port",
    'app_c: network nowhere not found',
    "app_c: port '4001' is already in use by service 'app_b' (in the same file) as an ingress port",
  ]);
});

test('two services may swap their ports in one deploy', () => {
  const view = viewOf({});
  const pair = (a: number, b: number) => stack({ services: [web({ endpoint: { ports: [{ targetPort: 80, publishedPort: a }] } }), web({ name: 'app_b', endpoint: { ports: [{ targetPort: 80, publishedPort: b }] } })] });
  deploy(view, pair(1000, 2000));
  expect(plan(view, pair(2000, 1000)).problems).toEqual([]);
});

test('names that somebody else has are left alone', () => {
  const view = viewOf({ service: [aService({ id: 's1', spec: { name: 'app_web' } })] });
  expect(plan(view, stack()).problems.map((problem) => problem.message)).toEqual(['a service of this name exists and does not belong to stack app']);
});

test('removal takes everything in one list; others in its network stop it', () => {
  const view = viewOf({});
  deploy(view, stack({ networks: [net()], secrets: [key('one')] }));
  const networkId = view.named('network', 'app_net')!.id;
  const guest = aService({ id: 'guest', spec: { template: aTemplate({ networks: [{ target: networkId, aliases: [] }] }) } });
  view.apply('service', 'guest', guest);
  expect(planStackRemoval(view, 'app').problems.map((problem) => problem.message)).toEqual(['network app_net is in use by service guest, which is not of stack app: remove that first']);
  view.apply('service', 'guest', undefined);
  const removal = planStackRemoval(view, 'app');
  expect(removal.problems).toEqual([]);
  apply(view, removal.writes);
  expect((['service', 'network', 'secret', 'stack'] as const).map((kind) => view.count(kind))).toEqual([0, 0, 0, 0]);
  expect(planStackRemoval(view, 'app').writes).toEqual([]);
});

test('a stack without a record is known by its labels, and its last member takes the record along', () => {
  const view = viewOf({ service: [aService({ id: 's1', spec: web() })] });
  expect(stackNames(view)).toEqual(['app']);
  deploy(view, stack());
  expect(removalOfStackMember(view, 'service', view.named('service', 'app_web')!).map((change) => change.action === 'remove' && change.kind)).toEqual(['service', 'stack', 'stack-revision']);
});

test('a login goes to the services whose image is from its registry; another one restarts nothing, the same one changes nothing', () => {
  const view = viewOf({});
  const spec = stack({ services: [web({}, 'registry.test/app:1'), web({ name: 'app_cache' }, 'cache:1')] });
  const withLogin = (password: string) => planStack(view, spec, { prune: false, random, contents, logins: new Map([['registry.test', { username: 'someone', password }]]) });
  const logins = (name: string) => {
    const sealed = view.named('service', name)!.sealedLogins;
    return sealed && (JSON.parse(Buffer.from(contents.open(sealed), 'base64').toString()) as object);
  };
  apply(view, withLogin('one').writes);
  expect(logins('app_web')).toEqual({ 'registry.test': { username: 'someone', password: 'one' } });
  expect(logins('app_cache')).toBeUndefined();
  expect(withLogin('one').writes).toEqual([]);
  expect(plan(view, spec).writes).toEqual([]);

  const other = withLogin('two');
  expect(words(other)).toEqual(['update service app_web: registry login; no task restarts', 'unchanged service app_cache']);
  apply(view, other.writes);
  expect(view.named('service', 'app_web')).toMatchObject({ templateVersion: 1 });
  expect(logins('app_web')).toEqual({ 'registry.test': { username: 'someone', password: 'two' } });
});

test('a deploy leaves a stopped service stopped, and says so, unless it asks for another number of tasks', () => {
  const view = viewOf({});
  apply(view, plan(view, stack()).writes);
  const service = view.named('service', 'app_web')!;
  view.apply('service', service.id, { ...service, orders: { stopped: true } });
  expect(plan(view, stack()).notes.map(({ message }) => message)).toEqual(['is stopped, and stays so: shoal service start app_web starts it']);
  const more = plan(view, stack({ services: [web({ mode: { kind: 'replicated', replicas: 3 } })] }));
  expect(more.notes).toEqual([]);
  apply(view, more.writes);
  expect(view.named('service', 'app_web')!.orders).toBeUndefined();
});
