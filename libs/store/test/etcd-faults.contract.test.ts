import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTemporary, Lifetime, systemClock } from '../../base/src/index.js';
import type { StoreEvent } from '../../model/src/index.js';
import { CommitTooLarge, compactBehind, openEtcdStore, type EtcdEvent, type EtcdStore } from '../src/index.js';
import { eventually, testEtcd, testStore, type TestEtcd } from './etcd-fixture.js';
import { create, network, node, service, task, taskStatus } from './fixtures.js';
import { TestProxy } from './proxy.js';

let lifetime: Lifetime;
let etcd: TestEtcd;
let proxy: TestProxy;
/** Speaks to etcd directly. */
let foreign: EtcdStore;
/** Speaks to etcd through the proxy. */
let store: EtcdStore;
let traced: EtcdEvent[];

beforeEach(async () => {
  lifetime = new Lifetime();
  traced = [];
  etcd = await testEtcd(lifetime);
  proxy = lifetime.own(await TestProxy.start(Number(new URL(etcd.url).port)), (started) => started.close());
  foreign = await testStore(lifetime, etcd.url);
  store = await testStore(lifetime, proxy.url, { trace: (event) => traced.push(event) });
});
afterEach(() => lifetime.end());

/** Everything a view holds, to compare two of them. */
function contents(of: EtcdStore): unknown {
  const view = of.view();
  const kinds = ['cluster', 'node', 'service', 'template', 'task', 'network', 'secret', 'config', 'stack', 'stack-revision'] as const;
  return kinds.map((kind) => [...view.all(kind)].sort((a, b) => (a.id < b.id ? -1 : 1)));
}

async function commitFailure(of: EtcdStore, id: string): Promise<{ error: unknown; tookMs: number }> {
  const startedMs = systemClock.monotonicMs();
  const error: unknown = await of.commit([create('network', network(id))]).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return { error, tookMs: systemClock.monotonicMs() - startedMs };
}

describe('EtcdStore and other writers', () => {
  it('sees what others write, as events and in the view', async () => {
    const events: StoreEvent[] = [];
    store.watch((news) => events.push(...news));
    await foreign.commit([create('service', service('s1', 'web')), create('node', node('a')), create('task', task('t1', 's1', 'a'))]);
    await foreign.commit([{ action: 'status', kind: 'node', id: 'a', status: { ...node('a').status, state: 'down' } }]);
    await foreign.commit([{ action: 'remove', kind: 'task', id: 't1' }]);
    await eventually(() => store.view().count('task') === 0 && store.view().get('node', 'a')?.status.state === 'down', 'the foreign writes');
    expect(events).toEqual([
      { kind: 'service', id: 's1', action: 'create' },
      { kind: 'node', id: 'a', action: 'create' },
      { kind: 'task', id: 't1', action: 'create' },
      { kind: 'node', id: 'a', action: 'status' },
      { kind: 'task', id: 't1', action: 'remove' },
    ]);
    expect(contents(store)).toEqual(contents(foreign));
  });

  it('refuses a change of what another has changed meanwhile, once it shows that', async () => {
    await store.commit([create('network', network('n1'))]);
    await eventually(() => foreign.view().get('network', 'n1'), 'the network at the other');
    proxy.stall('answers');
    const changed = network('n1');
    changed.spec.labels = { by: 'foreign' };
    await foreign.commit([{ action: 'update', kind: 'network', object: changed }]);
    const late = store.commit([{ action: 'update', kind: 'network', object: network('n1') }]);
    proxy.resume();
    await expect(late).rejects.toMatchObject({ name: 'Refused', code: 'conflict' });
    expect(store.view().get('network', 'n1')?.spec.labels).toEqual({ by: 'foreign' });
  });

  it('names the taken name when another was faster', async () => {
    proxy.stall('answers');
    await foreign.commit([create('service', service('s1', 'web'))]);
    const late = store.commit([create('service', service('s2', 'web'))]);
    proxy.resume();
    await expect(late).rejects.toMatchObject({ name: 'Refused', code: 'already-exists' });
  });

  it('does not make tasks that share a key conflict with each other', async () => {
    await store.commit([create('task', task('t1', 's1', 'a')), create('task', task('t2', 's1', 'a'))]);
    await eventually(() => foreign.view().get('task', 't2'), 'the tasks at the other');
    proxy.stall('answers');
    await foreign.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('orphaned'), actor: 'dispatcher' }]);
    const late = store.commit([{ action: 'status', kind: 'task', id: 't2', status: taskStatus('orphaned'), actor: 'dispatcher' }]);
    proxy.resume();
    await late;
    expect(store.view().tasksOnNode('a').map(({ status }) => status.state)).toEqual(['orphaned', 'orphaned']);
    await eventually(() => foreign.view().get('task', 't2')?.status.state === 'orphaned', 'the status at the other');
    expect(contents(store)).toEqual(contents(foreign));
  });
});

describe('EtcdStore and a failing connection', () => {
  it('shows everything again to a process that starts', async () => {
    await store.commit([create('service', service('s1', 'web')), create('node', node('a')), create('task', task('t1', 's1')), create('task', task('t2', 's1', 'a'))]);
    await store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('pending'), actor: 'allocator' }]);
    await store.commit([{ action: 'update', kind: 'task', object: { ...store.view().get('task', 't2')!, desiredState: 'shutdown' } }]);
    const again = await testStore(lifetime, etcd.url);
    expect(contents(again)).toEqual(contents(store));
    expect(again.view().named('service', 'web')?.id).toBe('s1');
    expect(again.view().revision).toBeGreaterThanOrEqual(store.view().revision);
  });

  it('notices a stalled etcd: a commit fails as temporary in seconds, and works when etcd is back', async () => {
    proxy.stall('requests');
    proxy.stall('answers');
    const { error, tookMs } = await commitFailure(store, 'n1');
    expect(isTemporary(error)).toBe(true);
    expect(tookMs).toBeLessThan(6000);
    proxy.resume();
    await foreign.commit([create('network', network('n2'))]);
    await eventually(() => store.view().get('network', 'n2'), 'the watch after the stall');
    await store.commit([create('network', network('n3'))]);
    await eventually(() => foreign.view().get('network', 'n3'), 'the commit after the stall');
    expect(contents(store)).toEqual(contents(foreign));
  });

  it('finds out that a commit was applied although its answer was lost', async () => {
    proxy.stall('answers');
    const commit = store.commit([create('network', network('n1'))]);
    await eventually(() => foreign.view().get('network', 'n1'), 'the commit in etcd');
    proxy.cut();
    proxy.resume();
    const revision = await commit;
    expect(store.view().get('network', 'n1')?.version).toBe(revision);
    expect(traced).toContainEqual(expect.objectContaining({ event: 'store-commit-resolved', outcome: 'committed' }));
    expect(contents(store)).toEqual(contents(foreign));
  });

  it('resumes a cut watch where it ended', async () => {
    proxy.cut();
    await foreign.commit([create('network', network('n1'))]);
    await foreign.commit([create('network', network('n2'))]);
    proxy.resume();
    await eventually(() => store.view().count('network') === 2, 'the missed events');
    expect(traced.filter(({ event }) => event === 'store-loaded')).toHaveLength(1);
  });

  it('loads again what etcd forgot while it was away, and tells the difference', async () => {
    await foreign.commit([create('network', network('n1')), create('network', network('gone')), create('task', task('t1', 's1', 'a'))]);
    await eventually(() => store.view().get('task', 't1'), 'the first commit');
    const events: StoreEvent[] = [];
    store.watch((news) => events.push(...news));
    proxy.cut();
    await foreign.commit([{ action: 'remove', kind: 'network', id: 'gone' }]);
    await foreign.commit([create('network', network('n2')), { action: 'remove', kind: 'task', id: 't1' }, create('task', task('t2', 's1', 'a'))]);
    await compactBehind(foreign, 0);
    proxy.resume();
    await eventually(() => store.view().get('network', 'n2'), 'the load');
    expect(contents(store)).toEqual(contents(foreign));
    expect(events.map(({ kind, id, action }) => `${action} ${kind} ${id}`).sort()).toEqual([
      'create network n2', 'create task t2', 'remove network gone', 'remove task t1',
    ]);
    await foreign.commit([create('network', network('n3'))]);
    await eventually(() => store.view().get('network', 'n3'), 'the watch after the load');
  });

  it('survives a restart of etcd', async () => {
    await store.commit([create('network', network('n1'))]);
    process.kill(etcd.server.pid!, 'SIGKILL');
    const { error } = await commitFailure(store, 'n2');
    expect(error === undefined || isTemporary(error)).toBe(true);
    await eventually(() => etcd.server.pid, 'the restart');
    await eventuallyCommits(store, 'n3');
    await eventually(() => foreign.view().get('network', 'n3'), 'the commit at the other');
    expect(contents(store)).toEqual(contents(foreign));
  });

  it('audits its view against etcd without complaint', async () => {
    await foreign.commit([create('network', network('n1'))]);
    await eventually(() => store.view().get('network', 'n1'), 'the commit');
    await store.audit();
    await foreign.audit();
    expect(traced.filter(({ event }) => event === 'store-audit-mismatch')).toEqual([]);
  });

  it('notices a frozen etcd, and catches up when it goes on', async () => {
    process.kill(etcd.server.pid!, 'SIGSTOP');
    const frozen = await Promise.all(['n1', 'n2', 'n3'].map((id) => commitFailure(store, id)));
    const lost = await eventually(() => traced.find(({ event }) => event === 'store-watch-lost'), 'the keepalive');
    process.kill(etcd.server.pid!, 'SIGCONT');
    expect(lost).toBeDefined();
    for (const { error, tookMs } of frozen) {
      expect(isTemporary(error)).toBe(true);
      expect(tookMs).toBeLessThan(6000);
    }
    await eventuallyCommits(store, 'n4');
    await eventuallyCommits(foreign, 'n5');
    await eventually(() => store.view().get('network', 'n5') && foreign.view().get('network', 'n4'), 'the commits after the thaw');
    expect(contents(store)).toEqual(contents(foreign));
  });

  it('goes on with another endpoint', async () => {
    const second = lifetime.own(await TestProxy.start(Number(new URL(etcd.url).port)), (started) => started.close());
    const both = lifetime.own(
      await openEtcdStore({ endpoints: [proxy.url, second.url], clock: systemClock, signal: lifetime.signal, trace: () => undefined }),
      (opened) => opened.close(),
    );
    proxy.cut();
    await both.commit([create('network', network('n1'))]);
    await foreign.commit([create('network', network('n2'))]);
    await eventually(() => both.view().get('network', 'n2'), 'the watch at the other endpoint');
    const late = await openEtcdStore({ endpoints: [proxy.url, second.url], clock: systemClock, signal: lifetime.signal, trace: () => undefined });
    expect(contents(late)).toEqual(contents(foreign));
  });

  it('refuses a commit that no transaction can hold', async () => {
    const small = await testStore(lifetime, etcd.url, { maxOperations: 128 });
    const many = Array.from({ length: 100 }, (_, index) => create('network', network(`n${index}`)));
    await expect(small.commit(many)).rejects.toBeInstanceOf(CommitTooLarge);
    expect(small.view().count('network')).toBe(0);
    await small.commit(many.slice(0, 60));
  });
});

async function eventuallyCommits(of: EtcdStore, id: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { error } = await commitFailure(of, id);
    if (error === undefined) return;
    if (!isTemporary(error) || attempt === 5) throw error;
  }
}
