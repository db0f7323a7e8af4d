import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifetime, seededRandom, systemClock } from '../../base/src/index.js';
import { templateId, type Change, type Task } from '../../model/src/index.js';
import { aCluster, aNode, anIngressNetwork, aService } from '../../model/src/testing/index.js';
import type { EtcdStore } from '../../store/src/index.js';
import { eventually, testEtcd, testStore } from '../../store/test/etcd-fixture.js';
import { runLeadership, runLoop, subsystems, type ControlEvent } from '../src/index.js';

let lifetime: Lifetime;
let store: EtcdStore;
let url: string;
let traced: ControlEvent[];

beforeEach(async () => {
  lifetime = new Lifetime();
  traced = [];
  ({ url } = await testEtcd(lifetime));
  store = await testStore(lifetime, url);
});
afterEach(() => lifetime.end());

function lead(on: EtcdStore, managerId: string, signal: AbortSignal): Promise<void> {
  const shared = { clock: systemClock, random: seededRandom(1), trace: (event: ControlEvent) => void traced.push(event) };
  return runLeadership({ ...shared, store: on, managerId, signal, duties: [(office) => runLoop({ ...shared, ...office, subsystems })] });
}

function deployment(replicas: number, nodes: number): Change[] {
  const service = aService({ id: 'web', replicas });
  const template = { id: templateId('web', 1), createdAt: '', updatedAt: '', template: service.spec.template };
  return [
    { action: 'create', kind: 'cluster', object: aCluster({ subnetBits: 20 }) },
    { action: 'create', kind: 'network', object: anIngressNetwork() },
    ...Array.from({ length: nodes }, (_, index): Change => ({ action: 'create', kind: 'node', object: aNode({ id: `node-${index}`, index: index + 1 }) })),
    { action: 'create', kind: 'template', object: template },
    { action: 'create', kind: 'service', object: service },
  ];
}

const assigned = (of: EtcdStore) => of.view().tasksOfService('web').filter(({ status }) => status.state === 'assigned');

describe('a leader over etcd', () => {
  it('brings a service to its nodes, and every manager sees it', async () => {
    const follower = await testStore(lifetime, url);
    const abort = new AbortController();
    const leading = lead(store, 'm1', abort.signal);
    await eventually(() => traced.some(({ event }) => event === 'elected'), 'the election');
    await follower.commit(deployment(1000, 20));
    await eventually(() => assigned(store).length === 1000, 'the placement');
    await eventually(() => assigned(follower).length === 1000, 'the placement at the follower');
    const perNode = new Set(Array.from({ length: 20 }, (_, index) => store.view().tasksOnNode(`node-${index}`).length));
    expect([...perNode]).toEqual([50]);
    abort.abort(new Error('the test is over'));
    await leading;
  });

  it('is followed by another that goes on where it stopped', async () => {
    const other = await testStore(lifetime, url);
    const [first, second] = [new AbortController(), new AbortController()];
    const leaders = [lead(store, 'm1', first.signal)];
    await eventually(() => traced.some(({ event }) => event === 'elected'), 'the first election');
    leaders.push(lead(other, 'm2', second.signal));
    await store.commit(deployment(3, 3));
    await eventually(() => assigned(store).length === 3, 'the placement');
    first.abort(new Error('stopped'));
    await eventually(() => traced.some((event) => event.event === 'elected' && event.managerId === 'm2'), 'the second election');
    const web = other.view().get('service', 'web')!;
    await other.commit([{ action: 'update', kind: 'service', object: { ...web, spec: { ...web.spec, mode: { kind: 'replicated', replicas: 5 } } } }]);
    await eventually(() => assigned(other).length === 5, 'the scaled placement');
    const slots = other.view().tasksOfService('web').map(({ slot }: Task) => slot);
    expect(slots.sort()).toEqual([1, 2, 3, 4, 5]);
    second.abort(new Error('stopped'));
    await Promise.all(leaders);
  });
});
