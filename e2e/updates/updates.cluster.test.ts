import { describe, expect, it } from 'vitest';
import { httpGet, postJson, type ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { run } from '../harness/run.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 3 });

function identities(tasks: ApiTask[]): string[] {
  return tasks.map(({ ID, Status }) => `${ID} ${Status.ContainerStatus?.ContainerID} ${Status.ContainerStatus?.PID}`).sort();
}

interface Shape {
  image?: string;
  order: string;
}

const stack = ({ image = 'shoal/whoami:1', order }: Shape) => `
services:
  web:
    image: ${image}
    ports: ['4400:80']
    stop_grace_period: 2s
    deploy:
      replicas: 4
      update_config: { parallelism: 2, delay: 500ms, monitor: 500ms, order: ${order} }
      restart_policy: { delay: 0s }
`;

/** Looks at the service until `ended`, and gives the smallest and largest number of running tasks seen that were not told to stop. */
async function countRunning(service: string, ended: Promise<unknown>): Promise<{ least: number; most: number }> {
  let going = true;
  const stop = ended.finally(() => (going = false));
  let least = Infinity;
  let most = 0;
  while (going) {
    const running = (await test.running(service)).length;
    least = Math.min(least, running);
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await stop;
  return { least, most };
}

describe('a new image', () => {
  it.each([
    ['stop-first', 2, 4],
    ['start-first', 4, 6],
  ])('with order %s keeps at least %d and at most %d tasks running, and leaves none of the old', async (order, least, most) => {
    await test.deploy('up', stack({ order }));
    const old = new Set((await test.untilRunning('up_web', 4)).map(({ ID }) => ID));
    const seen = await countRunning('up_web', test.deploy('up', stack({ order, image: 'shoal/whoami:2' })));
    expect(seen.least).toBeGreaterThanOrEqual(least);
    expect(seen.most).toBeLessThanOrEqual(most);
    const now = await test.untilRunning('up_web', 4);
    expect(now.filter(({ ID }) => old.has(ID))).toEqual([]);
    await test.remove('up');
  });

  it('that fails pauses the update; the deploy says why and exits non-zero; the others serve on', async () => {
    await test.deploy('up', stack({ order: 'stop-first' }));
    const before = identities(await test.untilRunning('up_web', 4));
    const bad = stack({ order: 'stop-first' }).replace('image: shoal/whoami:1', `image: shoal/busybox:1\n    command: [sh, -c, 'echo no database; exit 3']`);
    const result = await test.tryDeploy('up', bad);
    expect(result.status).toBe(1);
    expect(result.output).toMatch(/up_web cannot run: update paused.*non-zero exit \(3\).*no database/s);
    const kept = identities(await test.running('up_web')).filter((identity) => before.includes(identity));
    expect(kept.length).toBeGreaterThanOrEqual(2);
    const inspected = await test.get<{ UpdateStatus?: { State: string; Message: string } }>('/services/up_web');
    expect(inspected.UpdateStatus?.State).toBe('paused');
    expect(inspected.UpdateStatus?.Message).toContain('update paused due to failure or early termination of task');
    // What was kept is never touched again, and the good file heals it.
    await test.deploy('up', stack({ order: 'stop-first' }));
    const healed = identities(await test.untilRunning('up_web', 4));
    expect(healed).toEqual(expect.arrayContaining(kept));
    await test.remove('up');
  });

  it('that does not exist costs nothing: the old tasks all serve on', async () => {
    await test.deploy('up', stack({ order: 'stop-first' }));
    const before = identities(await test.untilRunning('up_web', 4));
    const result = await test.tryDeploy('up', stack({ order: 'stop-first', image: '127.0.0.1:9/none/such:1' }));
    expect(result.status).toBe(1);
    expect(result.output).toContain('127.0.0.1:9/none/such:1');
    expect(identities(await test.running('up_web'))).toEqual(before);
    await test.remove('up');
  });
});

describe('a change that needs no new task', () => {
  interface Kept {
    label?: string;
    replicas?: number;
    port?: number;
    limits?: string;
    alias?: string;
    constraint?: string;
    rules?: string;
  }

  const kept = ({ label = 'a', replicas = 3, port = 4400, limits = '{ memory: 64M }', alias = 'first', constraint = 'node.platform.os == linux', rules = '1s' }: Kept = {}) => `
services:
  web:
    image: shoal/busybox:1
    command: [sh, -c, 'httpd -f -p 80 -h /etc']
    stop_grace_period: 100ms
    ports: ['${port}:80']
    networks: { net: { aliases: [${alias}] } }
    deploy:
      replicas: ${replicas}
      labels: { which: ${label} }
      placement: { constraints: ['${constraint}'] }
      resources: { limits: ${limits} }
      update_config: { delay: ${rules} }
      restart_policy: { delay: ${rules}, max_attempts: 3 }
networks: { net: }
`;
  const memoryLimit = async ({ Status }: ApiTask) => (await test.get<{ memory_stats: { limit: number } }>(`/containers/${Status.ContainerStatus!.ContainerID}/stats?stream=false`)).memory_stats.limit;
  const resolves = async (task: ApiTask, name: string) => (await run(test.inside(task, ['nslookup', name]))).status === 0;

  it('keeps all containers: replicas, labels, ports, limits, aliases, constraints that hold, rules of updates and restarts', async () => {
    await test.deploy('keep', kept());
    const before = identities(await test.untilRunning('keep_web', 3));
    const after = async (shape: Kept) => {
      expect(await test.deploy('keep', kept(shape))).toContain('no task restarts');
      const tasks = await test.untilRunning('keep_web', shape.replicas ?? 3);
      expect(identities(tasks)).toEqual(expect.arrayContaining(before));
      return tasks;
    };
    const shape: Kept = { label: 'b', rules: '2s', constraint: 'node.hostname != nowhere' };
    await after(shape);
    expect((await test.get<{ Spec: { Labels: Record<string, string> } }>('/services/keep_web')).Spec.Labels['which']).toBe('b');
    await after({ ...shape, replicas: 4 });

    // Four from here on: which task goes when there are to be fewer is another matter.
    const limited = { ...shape, replicas: 4, limits: "{ memory: 32M, cpus: '0.5', pids: 50 }", alias: 'second' };
    const tasks = await after(limited);
    for (const task of tasks) await until('the container has its new limit', async () => (await memoryLimit(task)) === 32 << 20);
    await until('the new alias is known', () => resolves(tasks[0]!, 'second'));
    await until('the old alias is not', async () => !(await resolves(tasks[0]!, 'first')));

    await after({ ...limited, port: 4401 });
    for (const host of test.cluster.hosts) {
      await until(`the new port answers on ${host.name}`, async () => (await httpGet(`http://${host.address}:4401/hostname`)).status === 200);
      await until(`the old port is closed on ${host.name}`, () => httpGet(`http://${host.address}:4400/hostname`, 1_000).then(() => false, () => true));
    }
    expect(identities(await test.tasks('keep_web')).filter((identity) => before.includes(identity))).toEqual(before);
    await test.remove('keep');
  });

  it('such as the same file a hundred times, is no change at all', async () => {
    const text = kept();
    await test.deploy('keep', text);
    const tasks = identities(await test.untilRunning('keep_web', 3));
    const state = async () => ({ service: await test.get<{ Version: unknown }>('/services/keep_web'), tasks: (await test.get<{ ID: string; Version: unknown }[]>('/tasks')).map(({ ID, Version }) => [ID, Version]) });
    const before = await state();
    for (let count = 0; count < 100; count++) {
      expect(await postJson(test.cluster.manager.socketPath, '/shoal/v1/stacks/keep', { files: [{ path: 'keep.yml', text }], workingDir: test.dir })).toMatchObject({ revision: 1, changes: [] });
    }
    expect(await state()).toEqual(before);
    expect(identities(await test.tasks('keep_web'))).toEqual(tasks);
    await test.remove('keep');
  });
});
