import { describe, expect, it } from 'vitest';
import { Temporary } from '../../base/src/index.js';
import { containerIdOf } from '../src/index.js';
import { assigned, gate, OneNode } from './one-node.js';

const container = containerIdOf('task-1');

describe('a worker that was opened again', () => {
  it('takes up running containers without touching them', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.restart();
    expect(node.state()).toBe('running');
    expect(node.calls()).toEqual(['create', 'start']);
    node.runtime.exit(container, { code: 5 });
    await node.settle();
    expect(node.states().at(-1)).toBe('failed: task: non-zero exit (5)');
    expect(node.status()!.container).toMatchObject({ pid: 1000, exitCode: 5 });
  });

  it('reports what ended meanwhile', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.worker.close();
    node.runtime.exit(container, { code: 3 });
    await node.start();
    expect(node.states().at(-1)).toBe('failed: task: non-zero exit (3)');
    expect(await node.leftovers()).toEqual([]);
  });

  it('never runs a started task again, even when its container is gone', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.worker.close();
    await node.runtime.remove(container);
    await node.start();
    expect(node.states().at(-1)).toBe('failed: the container is gone: the node was restarted or the container was removed by hand');
    expect(node.calls().filter((call) => call === 'start')).toHaveLength(1);
    expect(await node.leftovers()).toEqual([]);
    await node.restart();
    expect(node.state()).toBe('failed');
    expect(node.calls().filter((call) => call === 'start')).toHaveLength(1);
  });

  it('does not run again what was about to start when it went', async () => {
    const node = await OneNode.open();
    node.runtime.start = () => new Promise(() => undefined);
    await node.assign(assigned());
    expect(node.state()).toBe('starting');
    await node.restart();
    expect(node.state()).toBe('failed');
    expect(await node.leftovers()).toEqual([]);
  });

  it('builds anew what was only prepared', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ desiredState: 'ready' }));
    await node.restart();
    expect(node.state()).toBe('ready');
    expect(node.calls()).toEqual(['create', 'remove', 'create']);
    await node.change([assigned()]);
    expect(node.state()).toBe('running');
  });

  it('stops what it did not finish stopping, with a grace period of its own', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { ignoresSignals: true });
    await node.assign(assigned());
    await node.change([assigned({ desiredState: 'shutdown' })]);
    await node.clock.advance(9_000);
    await node.restart();
    await node.clock.advance(9_999);
    expect(await node.leftovers()).toContain('container task-1 running');
    await node.clock.advance(1);
    expect(node.state()).toBe('shutdown');
    expect(await node.leftovers()).toEqual([]);
  });

  it('finishes a clean-up that was cut off in its middle', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    node.network.detach = () => new Promise(() => undefined);
    node.runtime.exit(container);
    await node.settle();
    expect(await node.leftovers()).toEqual(['network task-1']);
    void node.worker.close();
    node.network.detach = async (id) => void node.network.containers.delete(id);
    await node.start();
    expect(node.state()).toBe('complete');
    expect(await node.leftovers()).toEqual([]);
  });

  it('finishes a clean-up that had failed, of a container that never ran', async () => {
    const node = await OneNode.open();
    const remove = node.runtime.remove.bind(node.runtime);
    node.runtime.remove = async () => Promise.reject(new Temporary('device or resource busy'));
    await node.assign(assigned({ desiredState: 'ready' }));
    await node.change([assigned({ desiredState: 'shutdown' })]);
    await node.worker.close();
    node.runtime.remove = remove;
    await node.start();
    expect(node.state()).toBe('shutdown');
    expect(await node.leftovers()).toEqual([]);
  });

  it('takes containers and namespaces away that no assignment names', async () => {
    const node = await OneNode.open();
    await node.assign(assigned(), assigned({ id: 'task-2', slot: 2 }));
    await node.worker.close();
    node.journal.content.items = [assigned()];
    await node.start();
    expect(await node.leftovers()).toEqual(['container task-1 running', 'network task-1']);
    expect(node.calls('task-2').at(-1)).toBe('remove');
  });

  it('opens although a container without an assignment cannot be removed, and tries that again', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.worker.close();
    node.journal.content.items = [];
    const remove = node.runtime.remove.bind(node.runtime);
    node.runtime.remove = async () => Promise.reject(new Temporary('device or resource busy'));
    await node.start();
    node.runtime.remove = remove;
    await node.clock.advance(1_000);
    expect(await node.leftovers()).toEqual([]);
  });

  it('opens although one task cannot be looked at, and takes that one up as soon as it can', async () => {
    const node = await OneNode.open();
    await node.assign(assigned(), assigned({ id: 'task-2', slot: 2 }));
    await node.worker.close();
    const find = node.images.find.bind(node.images);
    let failures = 3;
    node.images.find = async (reference) => (failures-- > 0 ? Promise.reject(new Temporary('input/output error')) : find(reference));
    await node.start();
    await node.clock.advance(2_000);
    node.runtime.exit(container, { code: 7 });
    node.runtime.exit(containerIdOf('task-2'), { code: 7 });
    await node.settle();
    expect([node.state('task-1'), node.state('task-2')]).toEqual(['failed', 'failed']);
    expect(node.calls().filter((call) => call !== 'remove but its logs')).toEqual(['create', 'start']);
  });

  it('remembers states until a complete set says whose they are, then forgets the rest', async () => {
    const node = await OneNode.open();
    await node.assign(assigned(), assigned({ id: 'task-2', slot: 2 }));
    await node.worker.close();
    node.journal.content.items = []; // the host booted: assignments lie in memory
    await node.start();
    expect([...node.journal.content.statuses.keys()]).toEqual(['task-1', 'task-2']);
    await node.assign(assigned());
    expect(node.states('task-1').at(-1)).toMatch(/^failed: the container is gone/);
    expect([...node.journal.content.statuses.keys()]).toEqual(['task-1']);
  });

  it('has let go of everything before: a closed one probes and stops nothing', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { healthcheck: { test: ['CMD', 'check'], intervalNs: 1e9 } } } }));
    await node.clock.advance(1_000);
    await node.worker.close();
    const calls = node.calls();
    await node.clock.advance(60_000);
    expect(node.calls()).toEqual(calls);
    expect(await node.leftovers()).toEqual(['container task-1 running', 'network task-1']);
  });

  it('sends no stop signal when it is closed while it waits for the network', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.clock.advance(50);
    node.network.beforeApply = () => new Promise(() => undefined);
    await node.change([assigned({ desiredState: 'shutdown' })]);
    await node.worker.close();
    await node.settle();
    expect(node.calls()).toEqual(['create', 'start']);
  });
});

describe('assignments', () => {
  it('put every task into the inventory, whatever became of it', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-2', { exitAfterMs: 0 });
    await node.assign(assigned(), assigned({ id: 'task-2', slot: 2 }), assigned({ id: 'task-3', slot: 3, template: { container: { image: 'nobody/nothing:9' } } }));
    await node.restart();
    const inventory = node.worker.reporter.inventory().map(({ taskId, status }) => `${taskId} ${status.state}`);
    expect(inventory).toEqual(['task-1 running', 'task-2 complete', 'task-3 rejected']);
  });

  it('are stored before they are acted on', async () => {
    const node = await OneNode.open();
    node.journal.saveAssignments = () => Promise.reject(new Temporary('no space left on device'));
    await expect(node.assign(assigned())).rejects.toThrow('no space left on device');
    await node.settle();
    expect(node.worker.reporter.inventory()).toEqual([]);
    expect(node.calls()).toEqual([]);
  });

  it('that a task leaves take it away with its log', async () => {
    const node = await OneNode.open();
    await node.assign(assigned(), assigned({ id: 'task-2', slot: 2 }));
    await node.change([], [{ kind: 'task', key: 'task-1' }]);
    expect(node.calls().at(-1)).toBe('remove');
    expect(node.worker.reporter.inventory().map(({ taskId }) => taskId)).toEqual(['task-2']);
    expect([...node.journal.content.statuses.keys()]).toEqual(['task-2']);
    expect(await node.leftovers()).toEqual(['container task-2 running', 'network task-2']);
  });

  it('that a task leaves take it away in the end, even when that fails at first', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    const remove = node.runtime.remove.bind(node.runtime);
    node.runtime.remove = async () => Promise.reject(new Temporary('device or resource busy'));
    await node.assign();
    expect(await node.leftovers()).not.toEqual([]);
    node.runtime.remove = remove;
    await node.clock.advance(1_000);
    expect(await node.leftovers()).toEqual([]);
    expect(node.journal.content.statuses.size).toBe(0);
  });
});

describe('a full disk', () => {
  it('keeps a task from starting, which is told', async () => {
    const node = await OneNode.open();
    node.journal.saveStatus = () => Promise.reject(new Temporary('no space left on device'));
    await node.assign(assigned());
    expect(node.calls()).not.toContain('start');
    expect(node.states().at(-1)).toBe('failed: starting container failed: no space left on device');
    expect(node.state()).toBe('failed');
    expect(await node.leftovers()).toEqual([]);
  });

  it('does not keep the end of a task from being told', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    node.journal.saveStatus = () => Promise.reject(new Temporary('no space left on device'));
    node.runtime.exit(container, { code: 1 });
    await node.settle();
    expect(node.state()).toBe('failed');
    expect(await node.leftovers()).toEqual([]);
  });
});

describe('the network of the node', () => {
  it('is applied, with the new container in it, before the container starts', async () => {
    const node = await OneNode.open();
    const applying = gate();
    node.network.beforeApply = () => applying.opened;
    await node.assign(assigned());
    expect(node.state()).toBe('preparing');
    expect(node.calls()).toEqual(['create']);
    applying.open();
    await node.settle();
    expect(node.state()).toBe('running');
    expect(node.network.view!.containers.map(({ taskId }) => taskId)).toEqual(['task-1']);
  });

  it('is tried again when it fails, and the task waits', async () => {
    const node = await OneNode.open();
    node.network.beforeApply = () => Promise.reject(new Temporary('netlink: no buffer space'));
    await node.assign(assigned());
    await node.clock.advance(5_000);
    expect(node.state()).toBe('preparing');
    expect(node.troubles).toContain('netlink: no buffer space');
    node.network.beforeApply = async () => undefined;
    await node.clock.advance(1_000);
    expect(node.state()).toBe('running');
  });

  it('is looked after every 30 s without any change', async () => {
    const node = await OneNode.open();
    let applied = 0;
    node.network.beforeApply = async () => void applied++;
    await node.assign(assigned());
    await node.clock.advance(1_000);
    const before = applied;
    await node.clock.advance(30_000);
    expect(applied).toBe(before + 1);
  });

  it('waits for the number that the manager gives the node', async () => {
    const node = new OneNode();
    node.index = 0;
    await node.start();
    await node.assign(assigned());
    await node.clock.advance(1_000);
    expect(node.network.view).toBeUndefined();
    node.worker.setIndex(7);
    await node.clock.advance(1_000);
    expect(node.network.view!.self).toMatchObject({ nodeId: 'node-a', index: 7 });
    expect(node.state()).toBe('running');
  });

  it('is there at once after a restart, with no manager in sight', async () => {
    const node = await OneNode.open();
    await node.assign(assigned(), { kind: 'peer', key: 'node-a', value: { nodeId: 'node-a', index: 3, dataPathAddress: '192.0.2.3', address: '192.0.2.3' } });
    node.network.view = undefined;
    node.index = 0;
    await node.restart();
    expect(node.network.view).toMatchObject({ self: { index: 3 }, containers: [{ taskId: 'task-1' }] });
    expect(node.worker.appliedVersion).toBe(0);
  });

  it('says which version it agrees with once it does, and begins anew with each complete set', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.clock.advance(50);
    expect(node.worker.appliedVersion).toBe(1);
    const applying = gate();
    node.network.beforeApply = () => applying.opened;
    await node.change([assigned({ id: 'task-2', slot: 2 })]);
    expect(node.worker.appliedVersion).toBe(1);
    applying.open();
    await node.settle();
    expect(node.worker.appliedVersion).toBe(2);
    node.network.beforeApply = () => new Promise(() => undefined);
    await node.clock.advance(50);
    await node.assign(assigned());
    expect(node.worker.appliedVersion).toBe(0);
  });

  it('stops sending to a task before the task gets its stop signal', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.clock.advance(50);
    const applying = gate();
    node.network.beforeApply = () => applying.opened;
    await node.change([assigned({ desiredState: 'shutdown' })]);
    await node.clock.advance(4_000);
    expect(node.calls()).toEqual(['create', 'start']);
    applying.open();
    await node.settle();
    expect(node.calls()).toContain('signal SIGTERM');
    expect(node.state()).toBe('shutdown');
  });

  it('that does not follow holds a stop up for five seconds and no longer', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    await node.clock.advance(50);
    node.network.beforeApply = () => new Promise(() => undefined);
    await node.change([assigned({ desiredState: 'shutdown' })]);
    await node.clock.advance(4_999);
    expect(node.calls()).toEqual(['create', 'start']);
    await node.clock.advance(1);
    expect(node.state()).toBe('shutdown');
  });

  it('keeps no place for a task that has ended', async () => {
    const node = await OneNode.open();
    await node.assign(assigned(), assigned({ id: 'task-2', slot: 2 }));
    node.runtime.exit(container);
    await node.clock.advance(50);
    await node.change([assigned({ id: 'task-3', slot: 3 })]);
    expect(node.network.view!.containers.map(({ taskId }) => taskId)).toEqual(['task-2', 'task-3']);
  });
});
