import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putTask, startHttpHarness, workerNodeId, type HttpHarness } from './http-harness.js';

/** What goes over the wire, byte by byte where clients depend on it. */

let harness: HttpHarness;
beforeAll(async () => {
  harness = await startHttpHarness();
});
afterAll(() => harness?.end());

const create = (name: string, more: object = {}) => harness.call('POST', '/services/create', { Name: name, TaskTemplate: { ContainerSpec: { Image: 'a:1' } }, ...more });

test('the socket is for its owner only', async () => {
  expect((await stat(harness.socketPath)).mode & 0o777).toBe(0o600);
});

test('ping tells the version in headers, with and without a body', async () => {
  const head = await harness.call('HEAD', '/_ping');
  expect(head).toMatchObject({ status: 200, text: '', headers: { 'api-version': '1.50', ostype: 'linux', 'content-length': '0', swarm: 'active/manager' } });
  expect(await harness.call('GET', '/v1.41/_ping')).toMatchObject({ status: 200, text: 'OK' });
});

test('errors are JSON of exactly this type, which is what lets the CLI print them', async () => {
  const cases: [string, string, unknown, number, string][] = [
    ['GET', '/nope', undefined, 404, 'page not found'],
    ['PUT', '/info', undefined, 404, 'page not found'],
    ['GET', '/vabc/info', undefined, 404, 'page not found'],
    ['GET', '/v1.99/info', undefined, 400, 'client version 1.99 is too new. Maximum supported API version is 1.50'],
    ['GET', '/v1.5/info', undefined, 400, 'client version 1.5 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version'],
    ['GET', '/services/nope', undefined, 404, 'service nope not found'],
    ['GET', '/tasks/nope', undefined, 404, 'task nope not found'],
    ['POST', '/services/create', {}, 400, 'mismatched Runtime and *Spec fields'],
    ['POST', '/services/create', '{bad', 400, 'invalid JSON'],
    ['GET', '/services?filters=%7Bbad', undefined, 400, 'invalid filters'],
    ['GET', '/services?status=maybe', undefined, 400, 'invalid value for status'],
    ['GET', '/images/host:5000/a/b:1/json', undefined, 404, 'no such image: host:5000/a/b:1'],
    ['GET', '/distribution/host:5000/a/b:1/json', undefined, 404, 'host:5000/a/b:1'],
  ];
  for (const [method, path, body, status, message] of cases) {
    const answer = await harness.call(method, path, body);
    expect({ path, status: answer.status, type: answer.headers['content-type'], message: answer.json?.message }).toEqual({ path, status, type: 'application/json', message: expect.stringContaining(message) });
  }
});

test('a body of another type is refused', async () => {
  const answer = await harness.call('POST', '/services/create', 'x', { 'content-type': 'text/plain' });
  expect([answer.status, answer.json.message]).toEqual([400, "Content-Type specified (text/plain) must be 'application/json'"]);
});

test('answers are JSON without a charset too', async () => {
  expect((await harness.call('GET', '/nodes')).headers['content-type']).toBe('application/json');
});

test('both forms of filters', async () => {
  await create('filtered', { Labels: { a: 'b' } });
  for (const filters of [{ label: { 'a=b': true } }, { label: ['a=b'] }, { name: ['filt'] }, { label: ['a'], mode: ['replicated'] }]) {
    const answer = await harness.call('GET', `/services?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    expect(answer.json.map((service: any) => service.Spec.Name)).toEqual(['filtered']);
  }
  const none = await harness.call('GET', `/services?filters=${encodeURIComponent(JSON.stringify({ label: ['a=c'] }))}`);
  expect(none.json).toEqual([]);
});

test('an update based on an outdated version is out of sequence, one without a version is wrong', async () => {
  const { json } = await create('versioned');
  const service = (await harness.call('GET', `/services/${json.ID}`)).json;
  const update = (query: string, spec: object) => harness.call('POST', `/services/${json.ID}/update?${query}`, spec);
  const changed = { ...service.Spec, Labels: { x: 'y' } };
  expect((await update('', changed)).json.message).toBe(`invalid service version '': strconv.ParseUint: parsing "": invalid syntax`);
  expect(await update(`version=${service.Version.Index}`, changed)).toMatchObject({ status: 200, json: { Warnings: null } });
  expect(await update(`version=${service.Version.Index}`, service.Spec)).toMatchObject({ status: 500, json: { message: 'rpc error: code = Unknown desc = update out of sequence' } });
  const current = (await harness.call('GET', `/services/${json.ID}`)).json;
  const version = `version=${current.Version.Index}`;
  expect(await update(version, { ...current.Spec, Name: 'other' })).toMatchObject({ status: 501, json: { message: 'rpc error: code = Unimplemented desc = renaming services is not supported' } });
  expect(await update(version, { ...current.Spec, Mode: { Global: {} } })).toMatchObject({ status: 501, json: { message: 'rpc error: code = Unimplemented desc = service mode change is not allowed' } });
  const rollback = await update(`${version}&rollback=previous`, current.Spec);
  expect(rollback.status).toBe(200);
  expect((await harness.call('GET', `/services/${json.ID}`)).json).toMatchObject({ Spec: { Labels: {} }, UpdateStatus: { State: 'rollback_started' } });
});

test('only current tasks are up to date; the label filter means the service', async () => {
  await create('current', { Labels: { team: 'a' } });
  const old = await putTask(harness, 'current', { slot: 1, nodeId: workerNodeId, state: 'running' });
  const service = harness.store.view().named('service', 'current')!;
  await harness.store.commit([{ action: 'update', kind: 'service', object: { ...service, templateVersion: 2 } }]);
  const fresh = await putTask(harness, 'current', { slot: 1, nodeId: workerNodeId, state: 'running' });
  const ids = async (filters: object) => (await harness.call('GET', `/tasks?filters=${encodeURIComponent(JSON.stringify(filters))}`)).json.map((task: any) => task.ID);
  expect((await ids({ label: ['team=a'] })).sort()).toEqual([old, fresh].sort());
  expect(await ids({ service: ['current'], '_up-to-date': ['true'] })).toEqual([fresh]);
  expect(await ids({ node: ['w1'], service: ['current'], id: [old] })).toEqual([old]);
  expect((await harness.call('GET', '/tasks?filters={"desired-state":["zz"]}')).json.message).toBe("Invalid desired-state filter: 'zz'");
  const task = (await harness.call('GET', `/tasks/${old}`)).json;
  expect(task).toMatchObject({ Spec: { ContainerSpec: {} }, Status: { State: 'running', ContainerStatus: { ExitCode: 0 }, PortStatus: {} }, DesiredState: 'running', Slot: 1, NodeID: workerNodeId });
});

test('addresses are CIDR', async () => {
  const network = (await harness.call('POST', '/networks/create', { Name: 'cidr', Driver: 'overlay' })).json.Id;
  const stored = harness.store.view().get('network', network)!;
  await create('addressed', { TaskTemplate: { ContainerSpec: { Image: 'a:1' }, Networks: [{ Target: 'cidr' }] } });
  const service = harness.store.view().named('service', 'addressed')!;
  await harness.store.commit([
    { action: 'update', kind: 'network', object: { ...stored, allocation: { subnets: [{ subnet: '10.0.7.0/24', gateway: '10.0.7.1' }], vni: 4100 } } },
    { action: 'status', kind: 'service', id: service.id, status: { ports: [], virtualIps: [{ networkId: network, address: '10.0.7.2' }] } },
  ]);
  expect((await harness.call('GET', '/services/addressed')).json.Endpoint.VirtualIPs).toEqual([{ NetworkID: network, Addr: '10.0.7.2/24' }]);
  expect((await harness.call('GET', '/networks/cidr')).json).toMatchObject({ Scope: 'swarm', Driver: 'overlay', IPAM: { Config: [{ Subnet: '10.0.7.0/24', Gateway: '10.0.7.1' }] }, Options: { 'com.docker.network.driver.overlay.vxlanid_list': '4100' } });
  const task = await putTask(harness, 'addressed', { slot: 1, nodeId: workerNodeId, state: 'running', networks: [{ networkId: network, address: '10.0.7.3', aliases: [] }] });
  expect((await harness.call('GET', `/tasks/${task}`)).json.NetworksAttachments).toMatchObject([{ Network: { ID: network }, Addresses: ['10.0.7.3/24'] }]);
});

test('a secret goes in sealed and never comes out', async () => {
  const data = Buffer.from('hush').toString('base64');
  const { json } = await harness.call('POST', '/secrets/create', { Name: 'hush', Labels: {}, Data: data });
  expect(harness.store.view().get('secret', json.ID)!.sealed).toBe(`sealed:${data}`);
  const shown = await harness.call('GET', '/secrets/hush');
  expect(shown.text).not.toContain(data);
  const version = shown.json.Version.Index;
  const update = (spec: object) => harness.call('POST', `/secrets/hush/update?version=${version}`, spec);
  expect(await update({ Name: 'hush', Labels: {}, Data: Buffer.from('other').toString('base64') })).toMatchObject({ status: 400, json: { message: expect.stringContaining('only updates to Labels are allowed') } });
  expect((await update({ Name: 'hush', Labels: { a: 'b' } })).status).toBe(200);
  expect((await harness.call('GET', '/secrets/hush')).json.Spec.Labels).toEqual({ a: 'b' });
});

test('tokens rotate one by one', async () => {
  const before = (await harness.call('GET', '/swarm')).json;
  const answer = await harness.call('POST', `/swarm/update?version=${before.Version.Index}&rotateWorkerToken=true&rotateManagerToken=false`, { ...before.Spec, Orchestration: { TaskHistoryRetentionLimit: 3 } });
  expect(answer.status).toBe(200);
  const after = (await harness.call('GET', '/swarm')).json;
  expect(after.JoinTokens.Manager).toBe(before.JoinTokens.Manager);
  expect(after.JoinTokens.Worker).not.toBe(before.JoinTokens.Worker);
  expect(after.JoinTokens.Worker.slice(0, 75)).toBe(before.JoinTokens.Worker.slice(0, 75));
  expect(after.Spec.Orchestration.TaskHistoryRetentionLimit).toBe(3);
});

test('a removed node takes its tasks with it, as orphaned', async () => {
  await create('lost');
  const task = await putTask(harness, 'lost', { slot: 1, nodeId: workerNodeId, state: 'running' });
  expect((await harness.call('DELETE', '/nodes/w1')).status).toBe(400);
  expect((await harness.call('DELETE', '/nodes/w1?force=1')).status).toBe(200);
  expect(harness.store.view().get('task', task)!.status.state).toBe('orphaned');
  expect((await harness.call('GET', '/nodes')).json).toHaveLength(1);
});

test('events of the past, until now', async () => {
  const { json } = await create('seen');
  await harness.call('DELETE', `/services/${json.ID}`);
  const until = Math.ceil(Date.now() / 1000) - 2;
  const filters = encodeURIComponent(JSON.stringify({ type: ['service'], service: ['seen'] }));
  const { text } = await harness.call('GET', `/events?since=1&until=${until}&filters=${filters}`);
  const events = text.trim().split('\n').map((line) => JSON.parse(line));
  expect(events.map((event) => [event.Type, event.Action, event.Actor.Attributes.name, event.scope])).toEqual([
    ['service', 'create', 'seen', 'swarm'],
    ['service', 'remove', 'seen', 'swarm'],
  ]);
});

test('logs without a stream are refused; a followed service ends with its client', async () => {
  await create('quiet');
  expect((await harness.call('GET', '/services/quiet/logs')).json.message).toBe('Bad parameters: you must choose at least one stream');
  expect(await harness.call('GET', '/services/quiet/logs?stdout=1')).toMatchObject({ status: 200, text: '', headers: { 'content-type': 'application/vnd.docker.multiplexed-stream' } });
});

test('following a service goes on with tasks that appear later', async () => {
  await create('chatty');
  const say = (taskId: string, text: string) => harness.logLines.push({ taskId, stderr: false, timestamp: '2026-01-01T00:00:00.000000000Z', text });
  const say1 = await putTask(harness, 'chatty', { slot: 1, nodeId: workerNodeId, state: 'running' });
  say(say1, 'one');
  const stream = await harness.open('/services/chatty/logs?stdout=1&follow=1');
  expect(await stream.next()).toBe('one\n');
  // The line has to be there before the task is: the source is asked as soon as the store tells of the task.
  const later = harness.random.id();
  say(later, 'two');
  await putTask(harness, 'chatty', { id: later, slot: 2, nodeId: workerNodeId, state: 'running' });
  expect(await stream.next()).toBe('two\n');
  stream.close();
});

test('metrics and health', async () => {
  expect((await harness.call('GET', '/healthz')).json).toMatchObject({ status: 'ok' });
  const { text, headers } = await harness.call('GET', '/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(text).toContain('shoal_nodes{state="ready"} 1');
  expect(text).toMatch(/shoal_tasks\{state="orphaned"\} [1-9]/);
  expect(text).toMatch(/shoal_http_requests_total\{method="GET",route="\/services\/:id",status="404"\} 1/);
  expect(text).toMatch(/shoal_store_revision \d+/);
  expect(text).toContain('process_resident_memory_bytes');
});
