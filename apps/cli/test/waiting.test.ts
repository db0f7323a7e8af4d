import { afterEach, describe, expect, test } from 'vitest';
import { Interrupted } from '../src/failure-report.js';
import { shoal, type RunOptions } from './run-shoal.js';
import { stubCluster, type Scene } from './stub-cluster.js';
import { frame, stubManager, type Answer, type Exchange, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

async function run(args: string[], scenes: Scene[], answer?: (exchange: Exchange) => Answer | undefined, options: RunOptions = {}) {
  manager = await stubManager(stubCluster(scenes, answer));
  return shoal(args, { host: manager.host, ...options });
}

const preparing: Scene = { replicas: 2, tasks: [{ ID: 't1', state: 'running' }, { ID: 't2', Slot: 2, state: 'preparing' }] };
const running: Scene = { replicas: 2, tasks: [{ ID: 't1', state: 'running' }, { ID: 't2', Slot: 2, state: 'running' }] };

describe('service scale', () => {
  test('prints one line per change and ends when all run', async () => {
    const result = await run(['service', 'scale', 'demo_web=2'], [preparing, running]);
    expect(result).toEqual({
      status: 0,
      out: 'demo_web scaled to 2\ndemo_web: 1/2, 1 preparing\ndemo_web: 2/2, converged\n',
      err: '',
    });
    const update = manager!.seen.find((exchange) => exchange.method === 'POST')!;
    expect(update.query).toMatchObject({ version: '7' });
    expect(update.body).toMatchObject({ Mode: { Replicated: { Replicas: 2 } }, TaskTemplate: { ContainerSpec: { Image: 'web:1' } } });
  });

  test('reads the service again when somebody else has changed it meanwhile, and changes what it is now', async () => {
    let refusals = 2;
    const answer = ({ method }: Exchange) => (method === 'POST' && refusals-- > 0 ? { status: 500, json: { message: 'rpc error: code = Unknown desc = update out of sequence' } } : undefined);
    const result = await run(['service', 'scale', '-d', 'demo_web=2'], [preparing], answer);
    expect(result).toEqual({ status: 0, out: 'demo_web scaled to 2\n', err: '' });
    expect(manager!.seen.filter(({ method }) => method === 'POST')).toHaveLength(3);
  });

  test('does not wait when detached', async () => {
    const result = await run(['service', 'scale', '--detach=true', 'demo_web=2'], [preparing]);
    expect(result).toEqual({ status: 0, out: 'demo_web scaled to 2\n', err: '' });
  });

  test('draws a block on a terminal', async () => {
    const result = await run(['service', 'scale', 'demo_web=2'], [preparing, running], undefined, { terminal: true, env: { NO_COLOR: '1' } });
    expect(result.out).toContain('\r\x1b[K  demo_web  [#####.....] 1/2  1 preparing\n');
    expect(result.out).toContain('\x1b[1A\r\x1b[K  demo_web  [##########] 2/2  converged\n');
  });
});

describe('a wait that does not succeed says why', () => {
  const failing: Scene = {
    tasks: [
      { ID: 't1', state: 'failed', err: 'task: non-zero exit (137)', exitCode: 137 },
      { ID: 't2', state: 'failed', err: 'task: non-zero exit (137)', exitCode: 137 },
      { ID: 't3', state: 'failed', err: 'task: non-zero exit (137)', exitCode: 137 },
    ],
  };
  const log = Buffer.concat([frame({ stream: 2, text: 'bind() failed\n' }), frame({ stream: 1, text: 'bye\n' })]);

  test('a task that fails again and again: exit in words, last log lines, next command', async () => {
    const result = await run(['service', 'update', '--force', '-q', 'demo_web'], [failing], ({ path }) =>
      path.endsWith('/tasks/t3/logs') ? { raw: log } : undefined,
    );
    expect(result.status).toBe(1);
    expect(result.err).toBe(
      [
        'demo_web cannot run: its task failed 3 times',
        '  demo_web.1 on gamma: killed by SIGKILL (9)',
        '  error: task: non-zero exit (137)',
        '  last log:',
        '    bind() failed',
        '    bye',
        'next: shoal service ps --no-trunc demo_web   |   shoal service logs demo_web',
        '',
      ].join('\n'),
    );
  });

  test('an image that does not exist', async () => {
    const scene: Scene = { tasks: [{ ID: 't1', state: 'rejected', err: 'No such image: nosuch:1' }] };
    const result = await run(['service', 'update', '--image', 'nosuch:1', 'demo_web'], [scene]);
    expect(result.status).toBe(1);
    expect(result.err).toContain('demo_web.1 on gamma: No such image: nosuch:1');
  });

  test('time is up: 3, with the reason that the scheduler gave', async () => {
    const scene: Scene = { tasks: [{ ID: 't1', state: 'pending', err: 'no suitable node (insufficient resources on 2 nodes)' }] };
    const result = await run(['service', 'update', '--force', '--timeout', '300ms', 'demo_web'], [scene]);
    expect(result.status).toBe(3);
    expect(result.err).toContain('not converged in time: 1 of 1 services');
    expect(result.err).toContain('insufficient resources on 2 nodes');
  });

  test('rolled back: 4', async () => {
    const back: Scene = { tasks: [{ ID: 't1', state: 'running' }], updateStatus: { State: 'rollback_completed', Message: 'rollback completed' } };
    const result = await run(['service', 'update', '--image', 'web:2', 'demo_web'], [{ tasks: [] }, back]);
    expect(result.status).toBe(4);
    expect(result.err).toContain('demo_web was rolled back');
  });

  test('paused: 1', async () => {
    const paused: Scene = { tasks: [{ ID: 't1', state: 'running' }], updateStatus: { State: 'paused', Message: 'update paused due to failure' } };
    const result = await run(['service', 'update', '--image', 'web:2', 'demo_web'], [{ tasks: [] }, paused]);
    expect(result.status).toBe(1);
    expect(result.err).toContain('demo_web cannot run: update paused due to failure');
  });

  test('Ctrl-C: 130, and how to go on watching', async () => {
    const interrupt = new AbortController();
    const result = await run(
      ['service', 'update', '--force', 'demo_web'],
      [preparing],
      ({ path }) => {
        if (path.endsWith('/nodes')) interrupt.abort(new Interrupted());
        return undefined;
      },
      { interrupt: interrupt.signal },
    );
    expect(result.status).toBe(130);
    expect(result.err).toBe('interrupted: it continues in background; watch with: shoal service ps demo_web\n');
  });

  test('a manager that fails over is waited for', async () => {
    let polls = 0;
    const result = await run(['service', 'scale', 'demo_web=2'], [running], ({ path, method }) => {
      const outage = method === 'GET' && path.endsWith('/nodes') && polls++ < 2;
      return outage ? { status: 503, json: { message: 'there is no leader' } } : undefined;
    });
    expect(result.status).toBe(0);
  });
});

test('service update changes only what it was told to', async () => {
  const args = ['service', 'update', '-d', '--image', 'web:2', '--replicas', '4', '--env-add', 'B=3', '--env-add', 'C=4', '--env-rm', 'A', 'demo_web'];
  await run(args, [running]);
  expect(manager!.seen.find((exchange) => exchange.method === 'POST')!.body).toMatchObject({
    Name: 'demo_web',
    Mode: { Replicated: { Replicas: 4 } },
    TaskTemplate: { ContainerSpec: { Image: 'web:2', Env: ['B=3', 'C=4'] } },
  });
});

describe('stack rm', () => {
  test('removes the stack in one request and waits until tasks and networks are gone', async () => {
    let tasksLeft = 2;
    manager = await stubManager(({ method, path }) => {
      if (method === 'DELETE') return { json: {} };
      if (path.endsWith('/services')) return { json: [{ ID: 's1', Spec: { Name: 'demo_web' } }] };
      if (path.endsWith('/networks')) return { json: tasksLeft > -2 ? [{ Id: 'n1', Name: 'demo_default' }] : [] };
      if (path.endsWith('/tasks')) return { json: tasksLeft-- > 0 ? [{ ID: 't1', Status: { State: 'running' } }] : [] };
      return { json: [] };
    });
    const result = await shoal(['stack', 'rm', 'demo'], { host: manager.host });
    expect(result.status).toBe(0);
    expect(result.out.split('\n').slice(0, 3)).toEqual([
      'Removing service demo_web',
      'Removing network demo_default',
      'demo: waiting for 1 task and 1 network',
    ]);
    expect(result.out).toMatch(/demo: gone\n$/);
    expect(manager.seen.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toEqual(['/shoal/v1/stacks/demo']);
  });

  test('with --volumes removes its volumes when its containers are gone, and waits for one that is still in use', async () => {
    let inUse = 2;
    manager = await stubManager(({ method, path }) => {
      if (method === 'DELETE') return { json: {} };
      if (path.endsWith('/services')) return { json: [{ ID: 's1', Spec: { Name: 'demo_web' } }] };
      if (path.endsWith('/volumes/prune')) return { json: { VolumesDeleted: --inUse === 0 ? ['demo_data'] : [] } };
      if (path.endsWith('/volumes')) return { json: { Volumes: inUse > 0 ? [{ Name: 'demo_data' }] : [], Warnings: null } };
      return { json: [] };
    });
    const result = await shoal(['stack', 'rm', '--volumes', 'demo'], { host: manager.host });
    expect(result).toEqual({ status: 0, out: 'Removing service demo_web\nRemoving volume demo_data\n', err: '' });
    const prune = manager.seen.find(({ path }) => path.endsWith('/volumes/prune'))!;
    expect(JSON.parse(String(prune.query['filters']))).toEqual({ all: ['true'], label: ['com.docker.stack.namespace=demo'] });
    expect((await shoal(['stack', 'rm', '--volumes', '--detach', 'demo'], { host: manager.host })).status).toBe(64);
  });

  test('takes a stack of the docker CLI apart by its label', async () => {
    manager = await stubManager(({ method, path }) => {
      if (path.startsWith('/shoal/')) return { status: 404, json: { message: 'stack demo not found' } };
      if (method === 'DELETE') return { json: {} };
      if (path.endsWith('/services')) return { json: [{ ID: 's1', Spec: { Name: 'demo_web' } }] };
      return { json: [] };
    });
    const result = await shoal(['stack', 'rm', '--detach', 'demo'], { host: manager.host });
    expect(result).toEqual({ status: 0, out: 'Removing service demo_web\n', err: '' });
    expect(manager.seen.at(-1)).toMatchObject({ method: 'DELETE', path: '/v1.41/services/s1' });
  });
});
