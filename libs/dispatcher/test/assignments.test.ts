import { expect, test } from 'vitest';
import type { AssignedNetwork, AssignedService, AssignedTask, Secret, Task } from '../../model/src/index.js';
import { aNetwork, aNode, aService, aTask, aTemplate, viewOf } from '../../model/src/testing/index.js';
import { assignmentPlanner, assignmentSet, diffAssignments } from '../src/index.js';

const stored = { version: 1, createdAt: '', updatedAt: '' };
const secret: Secret = { ...stored, id: 'secret-1', spec: { name: 'password', labels: {} }, sealed: 'sealed' };
const open = ({ sealed }: Pick<Secret, 'sealed'>) => `open-${sealed}`;

const template = aTemplate({
  networks: [{ target: 'webnet', aliases: [] }],
  container: { secrets: [{ id: 'secret-1', name: 'password', file: { name: 'password', uid: '0', gid: '0', mode: 0o444 } }] },
});

function on(nodeId: string, slot: number, parts: Partial<Task> & { state?: Task['status']['state'] } = {}): Task {
  return aTask({ slot, nodeId, state: 'running', networks: [{ networkId: 'webnet', address: `10.0.0.1${slot}`, aliases: ['web'] }], ...parts });
}

function aView(tasks: Task[], ports: { targetPort: number; publishedPort: number }[] = []) {
  return viewOf({
    node: [aNode({ id: 'a' }), aNode({ id: 'b', index: 2 })],
    network: [aNetwork({ allocation: { subnets: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1' }], vni: 4097 } })],
    service: [aService({ spec: { template }, status: { virtualIps: [{ networkId: 'webnet', address: '10.0.0.2' }], ports } })],
    secret: [secret],
    task: tasks,
  });
}

const keys = (tasks: Task[], nodeId: string, ports?: { targetPort: number; publishedPort: number }[]) => [...assignmentSet(aView(tasks, ports), nodeId, open).keys()];

test('a node gets its tasks, their secrets and networks, the services it can reach, and the peers', () => {
  expect(keys([on('a', 1), on('b', 2)], 'a')).toEqual(['task/task-1', 'secret/secret-1', 'network/webnet', 'service/web', 'peer/a', 'peer/b']);
});

test('a node without tasks gets no secret, and of services only those that publish ports', () => {
  expect(keys([on('a', 1)], 'b')).toEqual(['peer/a', 'peer/b']);
  expect(keys([on('a', 1)], 'b', [{ targetPort: 80, publishedPort: 4000 }])).toEqual(['service/web', 'peer/a', 'peer/b']);
});

test('a task that has ended keeps its log, without a network, until it is to be removed; one that must still stop is sent', () => {
  expect(keys([on('a', 1, { state: 'failed', desiredState: 'shutdown' })], 'a')).toEqual(['task/task-1', 'peer/a', 'peer/b']);
  expect(keys([on('a', 1, { state: 'shutdown', desiredState: 'remove' })], 'a')).toEqual(['peer/a', 'peer/b']);
  expect(keys([on('a', 1, { state: 'orphaned', desiredState: 'shutdown' })], 'a')).toEqual(['peer/a', 'peer/b']);
  expect(keys([on('a', 1, { desiredState: 'shutdown' })], 'a')).toContain('task/task-1');
});

test('a task of a job that has ended is not to run again, also by a node that has forgotten it', () => {
  const wantedOf = (parts: Parameters<typeof on>[2]) => (assignmentSet(aView([on('a', 1, parts)]), 'a', open).get('task/task-1')!.value as AssignedTask).desiredState;
  expect(wantedOf({ state: 'running', desiredState: 'complete' })).toBe('complete');
  expect(wantedOf({ state: 'failed', desiredState: 'complete' })).toBe('shutdown');
  expect(wantedOf({ state: 'complete', desiredState: 'complete' })).toBe('shutdown');
});

test('a task that is not assigned yet is not sent', () => {
  expect(keys([on('a', 1, { state: 'pending' })], 'a')).toEqual(['peer/a', 'peer/b']);
});

test('secrets are opened', () => {
  expect(assignmentSet(aView([on('a', 1)]), 'a', open).get('secret/secret-1')!.value).toEqual({ id: 'secret-1', name: 'password', data: 'open-sealed' });
});

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const asSealed = ({ sealed }: Pick<Secret, 'sealed'>) => sealed;

test('credentials come with a task that is still to be prepared, from the login for the registry of its image, and with no other', () => {
  const sealedLogins = base64({ 'registry.test:5000': { username: 'someone', password: 'hidden' }, 'docker.io': { identityToken: 'token' } });
  const credentialsOf = (image: string, task: Parameters<typeof on>[2]) => {
    const service = aService({ sealedLogins, spec: { template: aTemplate({ container: { image } }) } });
    const view = viewOf({ node: [aNode({ id: 'a' })], service: [service], task: [on('a', 1, task)] });
    return (assignmentSet(view, 'a', asSealed).get('task/task-1')!.value as AssignedTask).credentials;
  };
  expect(credentialsOf('registry.test:5000/app:1', { state: 'assigned' })).toEqual({ username: 'someone', password: 'hidden' });
  expect(credentialsOf('registry.test:5000/app:1', { state: 'preparing' })).toEqual({ username: 'someone', password: 'hidden' });
  expect(credentialsOf('app:1', { state: 'assigned' })).toEqual({ identityToken: 'token' });
  expect(credentialsOf('elsewhere.test/app:1', { state: 'assigned' })).toBeUndefined();
  for (const state of ['ready', 'running', 'failed'] as const) expect(credentialsOf('registry.test:5000/app:1', { state })).toBeUndefined();
  expect(credentialsOf('registry.test:5000/app:1', { state: 'preparing', desiredState: 'shutdown' })).toBeUndefined();
});

test('another login reaches tasks that wait for it, and says nothing to those that run', () => {
  const login = (password: string) => base64({ 'registry.test': { username: 'someone', password } });
  const service = aService({ sealedLogins: login('old'), spec: { template: aTemplate({ container: { image: 'registry.test/app:1' } }) } });
  const view = viewOf({ node: [aNode({ id: 'a' })], service: [service], task: [on('a', 1, { state: 'preparing' }), on('a', 2)] });
  const before = assignmentPlanner(view, asSealed);
  const sent = before.forNode('a');
  view.apply('service', 'web', { ...service, sealedLogins: login('new') });
  const { put, remove } = diffAssignments(sent, assignmentPlanner(view, asSealed, before).forNode('a'));
  expect(put).toMatchObject([{ kind: 'task', key: 'task-1', value: { credentials: { password: 'new' } } }]);
  expect(remove).toEqual([]);
});

test('endpoints are ready, draining, or not there', () => {
  const view = aView([on('a', 1), on('b', 2, { desiredState: 'shutdown' }), on('b', 3, { state: 'starting' }), on('gone', 4)]);
  expect(assignmentSet(view, 'a', open).get('service/web')!.value).toEqual({
    id: 'web',
    name: 'web',
    mode: 'vip',
    virtualIps: [{ networkId: 'webnet', address: '10.0.0.2' }],
    ports: [],
    endpoints: [
      { taskId: 'task-1', slot: 1, nodeId: 'a', state: 'ready', addresses: [{ networkId: 'webnet', address: '10.0.0.11', aliases: ['web'] }] },
      { taskId: 'task-2', slot: 2, nodeId: 'b', state: 'draining', addresses: [{ networkId: 'webnet', address: '10.0.0.12', aliases: ['web'] }] },
    ],
  });
});

test('a task whose last health check failed keeps its connections and gets no new ones', () => {
  const view = aView([on('a', 1), on('b', 2)]);
  const states = () => (assignmentSet(view, 'a', open).get('service/web')!.value as AssignedService).endpoints.map(({ state }) => state);
  const task = view.get('task', 'task-2')!;
  view.apply('task', task.id, { ...task, status: { ...task.status, unready: true } });
  expect(states()).toEqual(['ready', 'draining']);
  view.apply('task', task.id, task);
  expect(states()).toEqual(['ready', 'ready']);
});

test('the endpoints of a node that is down are gone', () => {
  const view = aView([on('a', 1), on('b', 2)]);
  view.apply('node', 'b', aNode({ id: 'b', index: 2, status: { state: 'down' } }));
  expect(assignmentSet(view, 'a', open).get('service/web')!.value).toMatchObject({ endpoints: [{ taskId: 'task-1' }] });
});

test('the difference puts what is new or changed and removes what is gone', () => {
  const view = aView([on('a', 1), on('b', 2)]);
  const before = assignmentPlanner(view, open);
  const sent = before.forNode('a');
  view.apply('task', 'task-1', on('a', 1, { state: 'shutdown', desiredState: 'remove' }));
  view.apply('task', 'task-3', on('a', 3, { state: 'assigned' }));
  const { put, remove } = diffAssignments(sent, assignmentPlanner(view, open, before).forNode('a'));
  expect(put.map(({ kind, key }) => `${kind}/${key}`)).toEqual(['task/task-3', 'service/web']);
  expect(remove).toEqual([{ kind: 'task', key: 'task-1' }]);
});

test('what has not changed stays the same object from revision to revision', () => {
  const view = aView([on('a', 1), on('b', 2)]);
  const before = assignmentPlanner(view, open);
  const sent = before.forNode('a');
  view.apply('task', 'task-2', on('b', 2, { version: 9 }));
  const wanted = assignmentPlanner(view, open, before).forNode('a');
  expect(diffAssignments(sent, wanted)).toEqual({ put: [], remove: [] });
  expect([...wanted].every(([key, item]) => sent.get(key) === item)).toBe(true);
});

test('an encrypted network is told as such, and so is each endpoint in it; peers come with their keys', () => {
  const encryptionKeys = [{ slot: 0, publicKey: 'key', port: 51_820 }];
  const encryptedBy = (option?: string) => {
    const view = viewOf({
      node: [aNode({ id: 'a', status: { encryptionKeys } })],
      network: [aNetwork({ spec: { driverOpts: option === undefined ? {} : { encrypted: option } }, allocation: { subnets: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1' }], vni: 4097 } })],
      service: [aService({ spec: { template }, status: { virtualIps: [{ networkId: 'webnet', address: '10.0.0.2' }] } })],
      secret: [secret],
      task: [on('a', 1)],
    });
    const set = assignmentSet(view, 'a', open);
    expect(set.get('peer/a')!.value).toMatchObject({ encryptionKeys });
    const network = set.get('network/webnet')!.value as AssignedNetwork;
    const service = set.get('service/web')!.value as AssignedService;
    return [network.encrypted, service.endpoints[0]!.addresses[0]!.encrypted];
  };
  for (const yes of ['', 'true', '1']) expect(encryptedBy(yes), yes).toEqual([true, true]);
  for (const no of [undefined, 'false', '0']) expect(encryptedBy(no), no).toEqual([undefined, undefined]);
});

test('names of a task in a network are those that its template says now', () => {
  const view = aView([on('a', 1, { serviceId: 'web', serviceName: 'web' })]);
  const aliases = () => (assignmentSet(view, 'a', open).get('service/web')!.value as AssignedService).endpoints[0]!.addresses.map((address) => address.aliases);
  expect(aliases()).toEqual([['web']]);
  const stored = { ...template, networks: [{ target: 'webnet', aliases: ['db', 'cache'] }] };
  view.apply('template', 'web.1', { id: 'web.1', template: stored, version: 2, createdAt: '', updatedAt: '' });
  expect(aliases()).toEqual([['db', 'cache', 'web']]);
});
