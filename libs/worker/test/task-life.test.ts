import { describe, expect, it } from 'vitest';
import { Refused, Temporary } from '../../base/src/index.js';
import { containerIdOf } from '../src/index.js';
import { fakeImageConfig } from '../../image/src/fake-images.js';
import { assigned, gate, OneNode } from './one-node.js';

const container = containerIdOf('task-1');

describe('the life of a task', () => {
  it('goes from accepted to running and reports each step', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    expect(node.states()).toEqual(['accepted', 'preparing', 'ready', 'starting', 'running']);
    expect(node.worker.reporter.take()).toMatchObject([{ taskId: 'task-1', status: { state: 'running', message: 'started', error: '', container: { id: container, pid: 1000 } } }]);
    expect(await node.leftovers()).toEqual(['container task-1 running', 'network task-1']);
  });

  it('waits prepared while its desired state is ready', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ desiredState: 'ready' }));
    expect(node.state()).toBe('ready');
    expect(node.calls()).toEqual(['create']);
    await node.change([assigned()]);
    expect(node.state()).toBe('running');
  });

  it('starts no earlier than its start time', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ startAfterMs: node.clock.wallMs() + 5_000 }));
    await node.clock.advance(4_999);
    expect(node.state()).toBe('accepted');
    await node.clock.advance(1);
    expect(node.state()).toBe('running');
  });

  it('gives the container what its task says', async () => {
    const node = await OneNode.open();
    await node.assign(
      assigned({
        networks: [{ networkId: 'net', address: '10.0.0.5', aliases: [] }],
        template: { container: { env: ['ON={{.Node.Hostname}}'], secrets: [{ id: 's1', name: 'key', file: { name: 'key', uid: '0', gid: '0', mode: 0o400 } }] } },
      }),
      { kind: 'secret', key: 's1', value: { id: 's1', name: 'key', data: Buffer.from('hidden').toString('base64') } },
      { kind: 'network', key: 'net', value: { id: 'net', name: 'net', subnets: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1' }], internal: false } },
    );
    expect(node.runtime.request(container)).toMatchObject({
      netnsPath: `/fake/netns/${container}`,
      nameservers: ['127.0.0.11'],
      files: [{ target: '/run/secrets/key', data: Buffer.from('hidden') }],
    });
    expect(node.runtime.request(container)!.spec.env).toContain('ON=alpha');
  });
});

describe('an image that wants a login', () => {
  it('is pulled with the credentials of the task, of which the container hears nothing', async () => {
    const node = await OneNode.open();
    const credentials = { username: 'someone', password: 'hidden' };
    const given: unknown[] = [];
    const ensure = node.images.ensure.bind(node.images);
    node.images.ensure = (reference, options) => {
      given.push(options.credentials);
      return ensure(reference, options);
    };
    await node.assign(assigned({ credentials }), assigned({ id: 'task-2', slot: 2 }));
    expect(given).toEqual([credentials, undefined]);
    expect(JSON.stringify([node.runtime.request(container), node.worker.reporter.inventory()])).not.toContain('hidden');
  });

  it('needs them no more once it is there: they go, and the task runs on', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ credentials: { username: 'someone', password: 'hidden' } }));
    await node.change([assigned()]);
    expect(JSON.stringify(node.journal.content.items)).not.toContain('hidden');
    expect(node.calls()).toEqual(['create', 'start']);
  });
});

describe('a task that cannot be prepared', () => {
  it("is rejected with the image's sentence when the image is not found", async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { image: 'nobody/nothing:9' } } }));
    expect(node.states()).toEqual(['accepted', 'preparing', 'rejected: image nobody/nothing:9 cannot be pulled from registry docker.io: it is not there; check its name and tag']);
    expect(await node.leftovers()).toEqual([]);
  });

  it('is rejected when its container cannot be built, and nothing is left', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { createError: new Refused('invalid', 'bind source /nowhere does not exist on this node') });
    await node.assign(assigned());
    expect(node.states().at(-1)).toBe('rejected: bind source /nowhere does not exist on this node');
    expect(await node.leftovers()).toEqual([]);
    expect(node.troubles).toEqual([]);
  });

  it('leaves no namespace when the network was still at it as the image failed', async () => {
    const node = await OneNode.open();
    const attaching = gate();
    node.network.beforeAttach = () => attaching.opened;
    await node.assign(assigned({ template: { container: { image: 'nobody/nothing:9' } } }));
    attaching.open();
    await node.settle();
    expect(node.state()).toBe('rejected');
    expect(await node.leftovers()).toEqual([]);
  });

  it('is rejected with a sentence when that takes for ever', async () => {
    const node = await OneNode.open();
    hangPulls(node);
    await node.assign(assigned());
    await node.clock.advance(15 * 60_000);
    expect(node.states().at(-1)).toMatch(/^rejected: task was not prepared within 15 minutes: image shoal\/whoami:1/);
    expect(await node.leftovers()).toEqual([]);
  });

  it('is not pulled any further once it is not wanted, and ends shutdown with nothing left', async () => {
    const node = await OneNode.open();
    const pulls = hangPulls(node);
    await node.assign(assigned());
    expect(node.state()).toBe('preparing');
    await node.change([assigned({ desiredState: 'shutdown' })]);
    expect(pulls[0]!.aborted).toBe(true);
    expect(node.states()).toEqual(['accepted', 'preparing', 'shutdown']);
    expect(await node.leftovers()).toEqual([]);
  });

  it('leaves nothing when it is not wanted any more while its built container waits for the network', async () => {
    const node = await OneNode.open();
    node.network.beforeApply = () => new Promise(() => undefined);
    await node.assign(assigned());
    expect(await node.leftovers()).toEqual(['container task-1 created', 'network task-1']);
    await node.change([assigned({ desiredState: 'shutdown' })]);
    expect(node.state()).toBe('shutdown');
    expect(await node.leftovers()).toEqual([]);
  });
});

describe('a task that ends', () => {
  it('has failed when its process cannot be started', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { startError: new Refused('invalid', 'exec: "serve": executable file not found in $PATH') });
    await node.assign(assigned());
    expect(node.states().slice(-2)).toEqual(['starting', 'failed: starting container failed: exec: "serve": executable file not found in $PATH']);
    expect(await node.leftovers()).toEqual([]);
  });

  it('has failed when its process does not start in time', async () => {
    const node = await OneNode.open();
    node.runtime.start = () => new Promise(() => undefined);
    await node.assign(assigned());
    await node.clock.advance(60_000);
    expect(node.states().at(-1)).toBe('failed: starting container failed: it did not start within 60 s');
    expect(await node.leftovers()).toEqual([]);
  });

  it.each([
    [{ code: 0 }, 'complete'],
    [{ code: 3 }, 'failed: task: non-zero exit (3)'],
    [{ code: 139, signal: 11 }, 'failed: task: non-zero exit (139): killed by SIGSEGV'],
    [{ code: 137, signal: 9, oomKilled: true }, 'failed: task: non-zero exit (137): out of memory (limit 64 MiB)'],
  ])('by itself with %j is reported as %s', async (exit, report) => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { exitAfterMs: 1_000, exit });
    await node.assign(assigned({ template: { resources: { limits: { memoryBytes: 64 * 2 ** 20 } } } }));
    await node.clock.advance(1_000);
    expect(node.states().at(-1)).toBe(report);
    expect(node.status()!.container).toMatchObject({ id: container, pid: 1000, exitCode: exit.code });
    expect(node.calls().at(-1)).toBe('remove but its logs');
    expect(await node.leftovers()).toEqual([]);
  });

  it('gets its stop signal, and is shut down however it exits', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { stopSignal: 'SIGQUIT' } } }));
    await node.change([assigned({ desiredState: 'shutdown', template: { container: { stopSignal: 'SIGQUIT' } } })]);
    expect(node.calls()).toEqual(['create', 'start', 'signal SIGQUIT', 'remove but its logs']);
    expect(node.states().at(-1)).toBe('shutdown');
    expect(node.status()!.container!.exitCode).toBe(131);
  });

  it("gets the image's stop signal when it names none", async () => {
    const node = await OneNode.open();
    node.images.publish('own:1', { config: fakeImageConfig({ stopSignal: 'SIGUSR1' }) });
    const template = { container: { image: 'own:1' } };
    await node.assign(assigned({ template }));
    await node.change([assigned({ template, desiredState: 'shutdown' })]);
    expect(node.calls()).toContain('signal SIGUSR1');
  });

  it('is killed after its grace period, and not before', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { ignoresSignals: true });
    const template = { container: { stopGraceNs: 3e9 } };
    await node.assign(assigned({ template }));
    await node.change([assigned({ template, desiredState: 'shutdown' })]);
    await node.clock.advance(2_999);
    expect(node.calls()).toEqual(['create', 'start', 'signal SIGTERM']);
    await node.clock.advance(1);
    expect(node.calls().slice(3)).toEqual(['signal SIGKILL', 'remove but its logs']);
    expect(node.state()).toBe('shutdown');
  });

  it('is killed again when that did not work', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { ignoresSignals: true });
    await node.assign(assigned());
    const signal = node.runtime.signal.bind(node.runtime);
    let failures = 1;
    node.runtime.signal = async (id, name) => (name === 'SIGKILL' && failures-- > 0 ? Promise.reject(new Temporary('no answer from the shim')) : signal(id, name));
    await node.change([assigned({ desiredState: 'shutdown' })]);
    await node.clock.advance(15_000);
    expect(node.state()).toBe('shutdown');
    expect(node.troubles).toEqual(['no answer from the shim']);
  });

  it('has failed, and is gone, when it cannot even be told to stop', async () => {
    const node = await OneNode.open();
    await node.assign(assigned());
    node.runtime.signal = async () => Promise.reject(new Temporary('no answer from the shim'));
    await node.change([assigned({ desiredState: 'shutdown' })]);
    expect(node.states().at(-1)).toBe('failed: stopping container failed: no answer from the shim');
    expect(await node.leftovers()).toEqual([]);
  });

  it('is cleaned up again and again until that succeeds', async () => {
    const node = await OneNode.open();
    const remove = node.runtime.remove.bind(node.runtime);
    let failures = 2;
    node.runtime.remove = async (id, options) => {
      if (failures-- > 0) throw new Temporary('device or resource busy');
      await remove(id, options);
    };
    await node.assign(assigned());
    node.runtime.exit(container);
    await node.settle();
    expect(node.state()).toBe('complete');
    await node.clock.advance(2_000);
    expect(await node.leftovers()).toEqual([]);
    expect(node.troubles).toEqual(['device or resource busy', 'device or resource busy']);
  });
});

describe('a health check', () => {
  const healthcheck = { test: ['CMD', 'check'], intervalNs: 10e9, retries: 2 };

  it('holds running back until it passes', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { healthcheck } } }));
    await node.clock.advance(9_999);
    expect(node.state()).toBe('starting');
    await node.clock.advance(1);
    expect(node.state()).toBe('running');
    expect(node.calls().at(-1)).toBe('exec check');
  });

  it('that fails too often stops the task, which has failed', async () => {
    const node = await OneNode.open();
    let exitCode = 0;
    node.behaviors.set('task-1', { exec: () => ({ exitCode, output: 'trying\nconnection refused\n' }) });
    await node.assign(assigned({ template: { container: { healthcheck } } }));
    await node.clock.advance(10_000);
    exitCode = 1;
    await node.clock.advance(10_000);
    expect(node.state()).toBe('running');
    await node.clock.advance(10_000);
    expect(node.states().at(-1)).toBe('failed: task: non-zero exit (143): dockerexec: unhealthy container: connection refused');
    expect(node.calls()).toContain('signal SIGTERM');
    expect(await node.leftovers()).toEqual([]);
  });

  it('that fails once takes the task out of service, and one that passes brings it back; it runs on all the while', async () => {
    const node = await OneNode.open();
    let exitCode = 0;
    node.behaviors.set('task-1', { exec: () => ({ exitCode, output: '' }) });
    await node.assign(assigned({ template: { container: { healthcheck } } }));
    await node.clock.advance(10_000);
    const [since, states] = [node.status()!.timestamp, node.states().length];
    exitCode = 1;
    await node.clock.advance(10_000);
    expect(node.status()).toMatchObject({ state: 'running', unready: true, timestamp: since });
    exitCode = 0;
    await node.clock.advance(10_000);
    expect(node.status()).toMatchObject({ state: 'running', timestamp: since });
    expect(node.status()).not.toHaveProperty('unready');
    expect(node.states().length).toBe(states + 2);
  });

  it('rests while the container is paused', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { healthcheck } } }));
    await node.clock.advance(10_000);
    await node.runtime.pause(container);
    const calls = node.calls();
    await node.clock.advance(120_000);
    expect(node.calls()).toEqual(calls);
    expect(node.state()).toBe('running');
    await node.runtime.resume(container);
    await node.clock.advance(10_000);
    expect(node.calls().at(-1)).toBe('exec check');
  });

  it('of the image counts when the service says none, and ends with the container', async () => {
    const node = await OneNode.open();
    node.images.publish('own:1', { config: fakeImageConfig({ healthcheck: { test: ['CMD-SHELL', 'check'], intervalNs: 1e9 } }) });
    await node.assign(assigned({ template: { container: { image: 'own:1' } } }));
    await node.clock.advance(1_000);
    expect(node.calls().at(-1)).toBe('exec /bin/sh -c check');
    node.runtime.exit(container);
    await node.settle();
    const calls = node.calls();
    await node.clock.advance(60_000);
    expect(node.calls()).toEqual(calls);
  });
});

/** Pulls that never end by themselves. Returns their signals. */
function hangPulls(node: OneNode): AbortSignal[] {
  const signals: AbortSignal[] = [];
  node.images.ensure = (_reference, { signal }) => {
    signals.push(signal);
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  };
  return signals;
}
