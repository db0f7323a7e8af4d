import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeError, Lifetime, seededRandom, type Random } from '../../base/src/index.js';
import { taskStates, type Change, type ClusterView, type Kind, type Task } from '../../model/src/index.js';
import { MemoryStore, type EtcdStore } from '../src/index.js';
import { eventually, testEtcd, testStore, type TestEtcd } from './etcd-fixture.js';
import { create, network, node, service, task, taskStatus } from './fixtures.js';

const lifetime = new Lifetime();
let etcd: TestEtcd;
beforeAll(async () => {
  etcd = await testEtcd(lifetime);
});
afterAll(() => lifetime.end());

const kinds: Kind[] = ['node', 'service', 'task', 'network'];

/** The view as text to compare; versions and times differ between stores, and are left out on request. */
function contents(view: ClusterView, withVersions: boolean): unknown {
  return kinds.map((kind) =>
    [...view.all(kind)]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((object) => (withVersions ? object : { ...object, version: 0, createdAt: '', updatedAt: '' })),
  );
}

/** A list of changes that may or may not be acceptable. */
function someChanges(view: ClusterView, random: Random): Change[] {
  return Array.from({ length: 1 + random.below(3) }, () => someChange(view, random));
}

function someChange(view: ClusterView, random: Random): Change {
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const name = `name-${random.below(8)}`;
  const number = random.below(8);
  const id = `id${number}`;
  const kind = pick(kinds);
  const fresh = {
    node: () => node(id),
    service: () => service(id, name),
    network: () => network(id, name),
    // Where a task begins depends on its id: that two writers give one id to different tasks is not guarded against.
    task: () => task(id, `id${number % 2}`, number < 2 ? 'a' : ''),
  }[kind as 'node']();
  const current = view.get(kind, id);
  switch (random.below(6)) {
    case 0:
      return { action: 'remove', kind, id };
    case 1:
    case 2: {
      if (kind !== 'task' || !current) return { action: 'update', kind, object: fresh } as Change;
      const nodeId = (current as Task).nodeId || pick(['', 'a', 'b']);
      return { action: 'update', kind, object: { ...(current as Task), nodeId, hostPorts: [{ targetPort: random.below(100) }] } };
    }
    case 3:
      if (kind === 'task') return { action: 'status', kind, id, status: taskStatus(pick(taskStates), name), actor: pick(['allocator', 'scheduler', 'agent', 'dispatcher'] as const) };
      if (kind === 'node') return { action: 'status', kind, id, status: { ...node(id).status, message: name } };
      return { action: 'status', kind: 'service', id, status: { ports: [], virtualIps: [{ networkId: name, address: '10.0.0.2' }] } };
    default:
      return create(kind, fresh);
  }
}

const outcome = (commit: Promise<unknown>): Promise<string> =>
  commit.then(
    () => 'committed',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : describeError(error)),
  );

describe('the etcd store', () => {
  it.each([1, 2, 3, 4])('does what the memory store does (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const memory = new MemoryStore();
    const store = await testStore(lifetime, etcd.url, { prefix: `/same-${seed}` });
    const follower = await testStore(lifetime, etcd.url, { prefix: `/same-${seed}` });
    for (let step = 0; step < 150; step++) {
      const changes = someChanges(memory.view(), random);
      const outcomes = [await outcome(memory.commit(changes)), await outcome(store.commit(changes))];
      expect(outcomes[1], `step ${step}: ${JSON.stringify(changes)}`).toBe(outcomes[0]);
      expect(contents(store.view(), false)).toEqual(contents(memory.view(), false));
    }
    await eventually(() => follower.view().revision >= store.view().revision, 'the follower');
    expect(contents(follower.view(), true)).toEqual(contents(store.view(), true));
    const reopened = await testStore(lifetime, etcd.url, { prefix: `/same-${seed}` });
    expect(contents(reopened.view(), true)).toEqual(contents(store.view(), true));
    await reopened.audit();
  });

  it.each([5, 6])('agrees among writers that write at the same time (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const stores: EtcdStore[] = [];
    for (let n = 0; n < 3; n++) stores.push(await testStore(lifetime, etcd.url, { prefix: `/race-${seed}` }));
    const outcomes = new Map<string, number>();
    for (let step = 0; step < 60; step++) {
      for (const result of await Promise.all(stores.map((store) => outcome(store.commit(someChanges(store.view(), random)))))) {
        outcomes.set(result, (outcomes.get(result) ?? 0) + 1);
      }
    }
    // Each hears a mark that another made after everything else.
    for (const [index, store] of [...stores, stores[0]!].entries()) await store.commit([create('network', network(`mark-${index}`))]);
    await eventually(() => stores.every((store) => ['mark-2', 'mark-3'].every((id) => store.view().get('network', id))), 'the marks everywhere');
    const reopened = await testStore(lifetime, etcd.url, { prefix: `/race-${seed}` });
    for (const store of stores) expect(contents(store.view(), true)).toEqual(contents(reopened.view(), true));
    expect(outcomes.get('committed')).toBeGreaterThan(10);
  });
});
