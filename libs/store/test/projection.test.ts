import { describe, expect, it } from 'vitest';
import type { Change, StoreEvent, Task } from '../../model/src/index.js';
import { applyChanges } from '../src/apply-changes.js';
import type { KeyEvent, KeyValue } from '../src/etcd/client.js';
import { Keys } from '../src/etcd/keys.js';
import { Projection } from '../src/etcd/projection.js';
import { keyWrites, type KeyWrites } from '../src/etcd/transaction.js';
import { create, network, node, service, task, taskStatus } from './fixtures.js';

const keys = new Keys('/v1');

/** etcd as far as a projection can tell: keys with revisions. */
class FakeEtcd {
  readonly entries = new Map<string, KeyValue>();
  revision = 1;

  /** Writes as a manager whose view is this projection would, without telling it. */
  write(by: Projection, changes: readonly Change[]): { events: KeyEvent[]; own: () => StoreEvent[] } {
    const writes = applyChanges(by.view, changes, 'now');
    const values = keyWrites(by.view, writes, keys);
    const revision = ++this.revision;
    return { events: this.#put(values, revision), own: () => by.applyOwn(writes, values, revision) };
  }

  #put(values: KeyWrites, revision: number): KeyEvent[] {
    for (const [key, value] of values) {
      if (value === undefined) this.entries.delete(key);
      else this.entries.set(key, { key, value, revision });
    }
    return [...values].map(([key, value]) => ({ key, value, revision }));
  }
}

describe('Projection', () => {
  it('ignores the echo of its own commits, late and out of date', () => {
    const etcd = new FakeEtcd();
    const view = new Projection(keys);
    const first = etcd.write(view, [create('network', network('n1', 'old')), create('task', task('t1', 's1', 'a'))]);
    first.own();
    const second = etcd.write(view, [{ action: 'update', kind: 'network', object: network('n1', 'new') }]);
    second.own();
    const third = etcd.write(view, [{ action: 'remove', kind: 'task', id: 't1' }]);
    third.own();
    for (const { events } of [first, second, third]) expect(view.applyEvents(events, events[0]!.revision)).toEqual([]);
    expect(view.view.get('network', 'n1')?.spec.name).toBe('new');
    expect(view.view.count('task')).toBe(0);
    expect(view.heard).toBe(4);
  });

  it('does not bring back what an own commit removed when a load was older', () => {
    const etcd = new FakeEtcd();
    const view = new Projection(keys);
    const first = etcd.write(view, [create('network', network('n1')), create('task', task('t1', 's1', 'a'))]);
    first.own();
    const older = [...etcd.entries.values()];
    etcd.write(view, [{ action: 'remove', kind: 'network', id: 'n1' }, { action: 'remove', kind: 'task', id: 't1' }]).own();
    etcd.write(view, [create('network', network('n2'))]).own();
    expect(view.applyLoad(older, 2)).toEqual([]);
    expect([...view.view.all('network')].map(({ id }) => id)).toEqual(['n2']);
    expect(view.view.count('task')).toBe(0);
    expect(view.differences(older, 2)).toEqual([]);
  });

  it('keeps the half that another wrote while the own commit was on its way', () => {
    const etcd = new FakeEtcd();
    const view = new Projection(keys);
    etcd.write(view, [create('node', node('a')), create('task', task('t1', 's1', 'a'))]).own();
    const own = etcd.write(view, [
      { action: 'update', kind: 'node', object: { ...node('a'), spec: { labels: { own: '1' }, role: 'worker', availability: 'active' } } },
      { action: 'update', kind: 'task', object: { ...view.view.get('task', 't1')!, desiredState: 'shutdown' } },
    ]);
    const foreign = etcd.write(view, [
      { action: 'status', kind: 'node', id: 'a', status: { ...node('a').status, state: 'down' } },
      { action: 'status', kind: 'task', id: 't1', status: taskStatus('orphaned'), actor: 'dispatcher' },
    ]);
    expect(view.applyEvents(foreign.events, 4)).toEqual([
      { kind: 'node', id: 'a', action: 'status' },
      { kind: 'task', id: 't1', action: 'status' },
    ]);
    own.own();
    expect(view.view.get('node', 'a')).toMatchObject({ spec: { labels: { own: '1' } }, status: { state: 'down' } });
    expect(view.view.get('task', 't1')).toMatchObject({ desiredState: 'shutdown', status: { state: 'orphaned' } });
  });

  it('follows a task from its service to its node, in another process', () => {
    const etcd = new FakeEtcd();
    const [writer, reader] = [new Projection(keys), new Projection(keys)];
    const commit = (changes: Change[]) => {
      const { events, own } = etcd.write(writer, changes);
      own();
      return reader.applyEvents(events, etcd.revision);
    };
    commit([create('service', service('s1')), create('task', task('t1', 's1')), { action: 'create', kind: 'task', object: { ...task('t2', 's1'), slot: 300 } }]);
    commit([{ action: 'status', kind: 'task', id: 't1', status: taskStatus('pending'), actor: 'allocator' }]);
    expect(reader.view.unassignedTasks()).toMatchObject([{ id: 't1', status: { state: 'pending' } }, { id: 't2', status: { state: 'new' } }]);
    const assigned = commit([
      { action: 'update', kind: 'task', object: { ...(writer.view.get('task', 't1') as Task), nodeId: 'a' } },
      { action: 'status', kind: 'task', id: 't1', status: taskStatus('assigned'), actor: 'scheduler' },
    ]);
    expect(assigned).toEqual([{ kind: 'task', id: 't1', action: 'update' }, { kind: 'task', id: 't1', action: 'status' }]);
    expect(reader.view.tasksOnNode('a')).toEqual(writer.view.tasksOnNode('a'));
    expect(reader.view.unassignedTasks().map(({ id }) => id)).toEqual(['t2']);
    expect([...etcd.entries.keys()].sort()).toEqual(['/v1/as/a', '/v1/name/service/s1', '/v1/pend/s1/1', '/v1/service/s1', '/v1/st/a', '/v1/status/service/s1']);
  });

  it('finds keys that differ from etcd', () => {
    const etcd = new FakeEtcd();
    const view = new Projection(keys);
    etcd.write(view, [create('network', network('n1')), create('network', network('n2'))]).own();
    const entries = [...etcd.entries.values()];
    const changed = entries.map((entry) => (entry.key === '/v1/network/n1' ? { ...entry, revision: 3 } : entry)).filter(({ key }) => key !== '/v1/network/n2');
    expect(view.differences(entries, 2)).toEqual([]);
    expect(view.differences([...changed, { key: '/v1/network/n3', value: '', revision: 2 }], 3)).toEqual(['/v1/network/n1', '/v1/network/n2', '/v1/network/n3']);
  });

  it('replaces what it was told to distrust', () => {
    const etcd = new FakeEtcd();
    const view = new Projection(keys);
    etcd.write(view, [create('network', network('n1', 'right')), create('network', network('n2'))]).own();
    const entries = [...etcd.entries.values()].filter(({ key }) => !key.includes('n2'));
    view.view.apply('network', 'n1', { ...view.view.get('network', 'n1')!, version: 1, spec: { ...network('n1', 'wrong').spec } });
    view.distrust(['/v1/network/n1', '/v1/network/n2']);
    expect(view.applyLoad(entries, 2)).toEqual([{ kind: 'network', id: 'n1', action: 'update' }, { kind: 'network', id: 'n2', action: 'remove' }]);
    expect([...view.view.all('network')].map(({ spec }) => spec.name)).toEqual(['right']);
  });

  it('takes what a restored etcd has, whatever its revisions say', () => {
    const etcd = new FakeEtcd();
    const view = new Projection(keys);
    etcd.write(view, [create('network', network('n1'))]).own();
    const backup = [...etcd.entries.values()];
    etcd.write(view, [create('network', network('n2'))]).own();
    view.applyEvents([], 3);
    view.forgetRevisions();
    expect(view.applyLoad(backup, 2)).toEqual([{ kind: 'network', id: 'n2', action: 'remove' }]);
    expect([...view.view.all('network')].map(({ id }) => id)).toEqual(['n1']);
    expect(view.view.revision).toBe(2);
  });
});
