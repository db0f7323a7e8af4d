import { describe, expect, it, beforeEach } from 'vitest';
import { Bug } from '../../base/src/index.js';
import type { Draft, Network, Service, StoreEvent, Task } from '../../model/src/index.js';
import type { ElectionPort, Store } from '../src/index.js';
import { create, network, node, service, task, taskStatus } from './fixtures.js';

/** What every store promises. `open` gives an empty one. */
export function storeContract(name: string, open: () => Promise<Store & ElectionPort>): void {
  describe(`${name}: the contract of every store`, () => {
    let store: Store & ElectionPort;
    beforeEach(async () => {
      store = await open();
    });

    it('shows a commit in its view, with the version filled in', async () => {
      const revision = await store.commit([create('service', service('s1', 'web'))]);
      const stored = store.view().get('service', 's1')!;
      expect(stored.version).toBe(revision);
      expect(stored.createdAt).toMatch(/^\d{4}-\d\d-\d\dT/);
      expect(stored.updatedAt).toBe(stored.createdAt);
      expect(store.view().named('service', 'web')).toBe(stored);
      expect(store.view().revision).toBeGreaterThanOrEqual(revision);
    });

    it('refuses a taken id and a taken name, and changes nothing', async () => {
      await store.commit([create('service', service('s1', 'web'))]);
      await expect(store.commit([create('service', service('s1', 'other'))])).rejects.toMatchObject({ name: 'Refused', code: 'already-exists' });
      await expect(store.commit([create('network', network('n1')), create('service', service('s2', 'web'))])).rejects.toMatchObject({
        name: 'Refused',
        code: 'already-exists',
      });
      expect(store.view().count('service')).toBe(1);
      expect(store.view().count('network')).toBe(0);
    });

    it('keeps names apart by kind', async () => {
      await store.commit([create('service', service('s1', 'web')), create('network', network('n1', 'web'))]);
      expect(store.view().named('network', 'web')?.id).toBe('n1');
    });

    it('lets a name go with its object, even within one commit', async () => {
      await store.commit([create('service', service('s1', 'web'))]);
      await store.commit([{ action: 'remove', kind: 'service', id: 's1' }, create('service', service('s2', 'web'))]);
      expect(store.view().named('service', 'web')?.id).toBe('s2');
      await store.commit([{ action: 'remove', kind: 'service', id: 's2' }]);
      await store.commit([create('service', service('s3', 'web'))]);
      expect(store.view().named('service', 'web')?.id).toBe('s3');
    });

    it('moves a name with a rename', async () => {
      await store.commit([create('network', network('n1', 'old'))]);
      await store.commit([{ action: 'update', kind: 'network', object: network('n1', 'new') }]);
      await store.commit([create('network', network('n2', 'old'))]);
      expect(store.view().named('network', 'new')?.id).toBe('n1');
      expect(store.view().named('network', 'old')?.id).toBe('n2');
      await expect(store.commit([create('network', network('n3', 'new'))])).rejects.toMatchObject({ code: 'already-exists' });
    });

    it('refuses an update that was based on an outdated version', async () => {
      const first = await store.commit([create('network', network('n1'))]);
      const second = await store.commit([{ action: 'update', kind: 'network', object: network('n1'), expect: first }]);
      expect(store.view().get('network', 'n1')?.version).toBe(second);
      await expect(store.commit([{ action: 'update', kind: 'network', object: network('n1'), expect: first }])).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.commit([{ action: 'remove', kind: 'network', id: 'n1', expect: first }])).rejects.toMatchObject({ code: 'conflict' });
      await store.commit([{ action: 'remove', kind: 'network', id: 'n1', expect: second }]);
      expect(store.view().get('network', 'n1')).toBeUndefined();
    });

    it('refuses to change what is gone, and removes it again without complaint', async () => {
      await expect(store.commit([{ action: 'update', kind: 'network', object: network('n1') }])).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.commit([{ action: 'status', kind: 'node', id: 'x', status: node('x').status }])).rejects.toMatchObject({ code: 'conflict' });
      await store.commit([{ action: 'remove', kind: 'network', id: 'n1' }]);
    });

    it('keeps what is observed of the whole cluster apart from what users say of it', async () => {
      const cluster = { id: 'cluster', clusterId: 'c', name: 'n', labels: {}, taskHistoryLimit: 5, heartbeatPeriodMs: 5000, addressPools: [], subnetBits: 20, dataPathPort: 4789, rootCaCertificate: '', joinTokens: { worker: '', manager: '' } };
      await store.commit([{ action: 'create', kind: 'cluster', object: { ...cluster, createdAt: '', updatedAt: '' } }]);
      const { version } = store.view().cluster!;
      await store.commit([{ action: 'status', kind: 'cluster', id: 'cluster', status: { agreedRevision: 7 } }]);
      expect(store.view().cluster).toMatchObject({ version, status: { agreedRevision: 7 } });
      await store.commit([{ action: 'update', kind: 'cluster', object: { ...cluster, name: 'other', createdAt: '', updatedAt: '' }, expect: version }]);
      expect(store.view().cluster).toMatchObject({ name: 'other', status: { agreedRevision: 7 } });
    });

    it('keeps the halves apart: a status gives no new version, an update keeps the status', async () => {
      const version = await store.commit([create('node', node('a'))]);
      await store.commit([{ action: 'status', kind: 'node', id: 'a', status: { ...node('a').status, state: 'down', message: 'heartbeat failure' } }]);
      expect(store.view().get('node', 'a')).toMatchObject({ version, status: { state: 'down' } });
      const changed = node('a');
      changed.spec.availability = 'drain';
      await store.commit([{ action: 'update', kind: 'node', object: changed, expect: version }]);
      expect(store.view().get('node', 'a')).toMatchObject({ spec: { availability: 'drain' }, status: { state: 'down' } });
    });

    it('moves a task forward by its actors only', async () => {
      await store.commit([create('service', service('s1')), create('node', node('a')), create('task', task('t1', 's1'))]);
      expect(store.view().unassignedTasks().map(({ id }) => id)).toEqual(['t1']);
      await store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('pending'), actor: 'allocator' }]);
      await expect(store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('running'), actor: 'scheduler' }])).rejects.toBeInstanceOf(Bug);
      await expect(store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('assigned') }])).rejects.toBeInstanceOf(Bug);
      await store.commit([
        { action: 'update', kind: 'task', object: { ...store.view().get('task', 't1')!, nodeId: 'a' } },
        { action: 'status', kind: 'task', id: 't1', status: taskStatus('assigned'), actor: 'scheduler' },
      ]);
      await store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('running'), actor: 'agent' }]);
      expect(store.view().tasksOnNode('a')).toMatchObject([{ id: 't1', nodeId: 'a', status: { state: 'running' } }]);
      expect(store.view().unassignedTasks()).toEqual([]);
      await expect(store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('assigned'), actor: 'agent' }])).rejects.toBeInstanceOf(Bug);
      const back: Draft<Task> = { ...store.view().get('task', 't1')!, nodeId: 'b' };
      await expect(store.commit([{ action: 'update', kind: 'task', object: back }])).rejects.toBeInstanceOf(Bug);
      await store.commit([{ action: 'remove', kind: 'task', id: 't1' }]);
      expect(store.view().tasksOnNode('a')).toEqual([]);
      expect(store.view().tasksOfService('s1')).toEqual([]);
    });

    it('calls a report that its task has moved past a conflict: agents speak while the leader decides', async () => {
      await store.commit([create('service', service('s1')), create('node', node('a')), create('task', task('t1', 's1', 'a'))]);
      await store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('orphaned'), actor: 'dispatcher' }]);
      await expect(store.commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('preparing'), actor: 'agent' }])).rejects.toMatchObject({ code: 'conflict' });
    });

    it('gives each task of a node a version of its own', async () => {
      const first = await store.commit([create('task', task('t1', 's1', 'a'))]);
      const second = await store.commit([create('task', task('t2', 's1', 'a'))]);
      expect(store.view().tasksOnNode('a').map(({ id, version }) => ({ id, version }))).toEqual([
        { id: 't1', version: first },
        { id: 't2', version: second },
      ]);
      await store.commit([{ action: 'update', kind: 'task', object: { ...store.view().get('task', 't1')!, desiredState: 'shutdown' }, expect: first }]);
      expect(store.view().get('task', 't2')!.version).toBe(second);
    });

    it('tells its watchers of each commit in order, and never after they left', async () => {
      const heard: { revision: number; events: readonly StoreEvent[] }[] = [];
      const stop = store.watch((events, revision) => heard.push({ revision, events }));
      const first = await store.commit([create('service', service('s1')), create('network', network('n1'))]);
      const second = await store.commit([{ action: 'status', kind: 'service', id: 's1', status: { ports: [], virtualIps: [] } }]);
      const third = await store.commit([{ action: 'update', kind: 'network', object: network('n1') }, { action: 'remove', kind: 'service', id: 's1' }]);
      stop();
      await store.commit([{ action: 'remove', kind: 'network', id: 'n1' }]);
      expect(heard).toEqual([
        { revision: first, events: [{ kind: 'service', id: 's1', action: 'create' }, { kind: 'network', id: 'n1', action: 'create' }] },
        { revision: second, events: [{ kind: 'service', id: 's1', action: 'status' }] },
        { revision: third, events: [{ kind: 'network', id: 'n1', action: 'update' }, { kind: 'service', id: 's1', action: 'remove' }] },
      ]);
    });

    it('commits overlapping calls one after the other', async () => {
      const ids = Array.from({ length: 30 }, (_, index) => `t${index}`);
      await Promise.all(ids.map((id) => store.commit([create('task', task(id, 's1', 'a'))])));
      expect(store.view().tasksOnNode('a').map(({ id }) => id).sort()).toEqual([...ids].sort());
      const results = await Promise.allSettled([1, 2, 3].map((n) => store.commit([create('service', service(`s${n}`, 'web') as Draft<Service>)])));
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    });

    it('takes a whole stack at once', async () => {
      const many = Array.from({ length: 300 }, (_, index) => create('network', network(`n${index}`)));
      await store.commit(many);
      expect(store.view().count('network')).toBe(300);
    });

    it('commits for the manager in office only', async () => {
      const epoch = (await store.takeLead('m1', await store.readLeader()))!;
      const fenced = store.fencedBy(epoch);
      await fenced.commit([create('network', network('n1'))]);
      expect(await store.beat(epoch)).toBe(true);
      const seen = await store.readLeader();
      expect(seen).toMatchObject({ managerId: 'm1', epoch });
      const next = (await store.takeLead('m2', seen))!;
      expect(next).toBeGreaterThan(epoch);
      await expect(fenced.commit([create('network', network('n2'))])).rejects.toMatchObject({ name: 'Refused', code: 'precondition' });
      expect(await store.beat(epoch)).toBe(false);
      await store.resign(epoch);
      expect(await store.readLeader()).toMatchObject({ managerId: 'm2', epoch: next });
      await store.fencedBy(next).commit([create('network', network('n2'))]);
      expect([...store.view().all('network')].map(({ id }: Network) => id)).toEqual(['n1', 'n2']);
    });

    it('lets one of two candidates win', async () => {
      const seen = await store.readLeader();
      const epochs = await Promise.all([store.takeLead('m1', seen), store.takeLead('m2', seen)]);
      expect(epochs.filter((epoch) => epoch !== undefined)).toHaveLength(1);
    });

    it('does nothing for an aborted caller', async () => {
      await expect(store.commit([create('network', network('n1'))], AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
      expect(store.view().count('network')).toBe(0);
    });
  });
}
