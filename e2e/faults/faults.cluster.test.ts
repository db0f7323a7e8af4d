import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 3 });
const compose = (replicas: number, image = 'shoal/whoami:1') => `services: { web: { image: '${image}', ports: ['4800:80'], stop_grace_period: 1s, deploy: { replicas: ${replicas} } } }`;

const identities = (tasks: ApiTask[]) => tasks.map(({ ID, Status }) => `${ID} ${Status.ContainerStatus?.PID}`).sort();

interface ApiNode {
  ID: string;
  Description: { Hostname: string };
  Status: { State: string };
}

const nodes = () => test.get<ApiNode[]>('/nodes');
const stateOf = async (name: string) => (await nodes()).find(({ Description }) => Description.Hostname === name)!.Status.State;
const etcdPid = () => Number(execFileSync('pgrep', ['-P', String(test.cluster.manager.pid('manager')), 'etcd'], { encoding: 'utf8' }).trim());
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

afterAll(() => test.remove('lab'));

/** The stack with so many replicas. Returns who they are. */
async function started(replicas: number): Promise<string[]> {
  await test.deploy('lab', compose(replicas));
  return identities(await test.untilRunning('lab_web', replicas));
}

/** Longer than the cluster waits for a sign of life. */
const longMs = 17_000;

describe('a manager that was frozen', () => {
  it('does not call nodes down that it could not hear: nothing is replaced', async () => {
    const before = await started(6);
    const { manager } = test.cluster;
    manager.signal('manager', 'SIGSTOP');
    await pause(longMs);
    for (const host of test.cluster.hosts) expect((await httpGet(`http://${host.address}:4800/`)).status).toBe(200);
    manager.signal('manager', 'SIGCONT');
    await until('the manager leads again', async () => (await test.cluster.shoal(['node', 'ls'])).status === 0);
    await test.deploy('lab', compose(7));
    const after = identities(await test.untilRunning('lab_web', 7));
    expect(after).toEqual(expect.arrayContaining(before));
    expect((await test.running('lab_web')).length).toBe(7);
    expect((await nodes()).map(({ Status }) => Status.State)).toEqual(['ready', 'ready', 'ready']);
  });
});

describe('an agent that was frozen', () => {
  it('loses its tasks to the others, and ends its own when it wakes', async () => {
    await started(7);
    const before = await test.untilRunning('lab_web', 7);
    const host = test.cluster.host('node-3');
    const { ID } = (await nodes()).find(({ Description }) => Description.Hostname === 'node-3')!;
    const frozen = before.filter(({ NodeID }) => NodeID === ID);
    host.signal('agent', 'SIGSTOP');
    await until('it is called down', async () => (await stateOf('node-3')) === 'down', { deadlineMs: 30_000 });
    await until('others run its tasks', async () => (await test.running('lab_web')).filter(({ NodeID }) => NodeID !== ID).length === 7);
    host.signal('agent', 'SIGCONT');
    await until('it is ready again', async () => (await stateOf('node-3')) === 'ready');
    await until('its containers have ended', async () => !frozen.some((task) => existsSync(`/proc/${task.Status.ContainerStatus!.PID}`)));
    expect((await test.untilRunning('lab_web', 7)).map(({ Slot }) => Slot).sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('an etcd that hangs', () => {
  it('costs no container and no read; a write is refused with the reason; all goes on when it answers again', async () => {
    const before = await started(7);
    const etcd = etcdPid();
    process.kill(etcd, 'SIGSTOP');
    try {
      expect((await test.cluster.shoal(['node', 'ls'])).status).toBe(0);
      for (const host of test.cluster.hosts) expect((await httpGet(`http://${host.address}:4800/`)).status).toBe(200);
      const refused = await test.tryDeploy('lab', compose(5));
      expect(refused.status).not.toBe(0);
      expect(refused.output).toMatch(/store|etcd/);
      expect(refused.durationMs).toBeLessThan(60_000);
      await pause(5_000);
    } finally {
      process.kill(etcd, 'SIGCONT');
    }
    await until('writes work again', async () => (await test.tryDeploy('lab', compose(7))).status === 0, { deadlineMs: 60_000 });
    expect(identities(await test.untilRunning('lab_web', 7))).toEqual(before);
    expect((await nodes()).map(({ Status }) => Status.State)).toEqual(['ready', 'ready', 'ready']);
  });
});

describe('an etcd that is killed', () => {
  it('is started again; containers serve on, and the next deploy works', async () => {
    const before = await started(7);
    process.kill(etcdPid(), 'SIGKILL');
    expect((await httpGet(`http://${test.cluster.manager.address}:4800/`)).status).toBe(200);
    await until('the next deploy works', async () => (await test.tryDeploy('lab', compose(8))).status === 0, { deadlineMs: 60_000 });
    expect(identities(await test.untilRunning('lab_web', 8))).toEqual(expect.arrayContaining(before));
  });
});

describe('everything killed at once', () => {
  it('comes back as it was', async () => {
    const before = await started(8);
    for (const host of test.cluster.hosts) host.signal('agent', 'SIGKILL');
    test.cluster.manager.signal('manager', 'SIGKILL');
    await until('all are dead', async () => test.cluster.hosts.every((host) => !host.isRunning('agent') && !host.isRunning('manager')));
    test.cluster.manager.start('manager');
    for (const host of test.cluster.hosts) test.cluster.startAgent(host);
    await until('the manager answers', async () => (await test.cluster.shoal(['node', 'ls'])).status === 0);
    await test.deploy('lab', compose(9));
    expect(identities(await test.untilRunning('lab_web', 9))).toEqual(expect.arrayContaining(before));
    for (const host of test.cluster.hosts) expect((await httpGet(`http://${host.address}:4800/`)).status).toBe(200);
  });
});

describe('deploys that overtake each other', () => {
  it('end in the state of the last one', async () => {
    const file = (name: string, text: string) => test.file(`${name}.yml`, text);
    const deploy = (path: string) => test.cluster.shoal(['stack', 'deploy', '-c', path, 'lab'], { deadlineMs: 90_000 });
    await started(9);
    const first = deploy(file('a', compose(12, 'shoal/whoami:2')));
    await until('the first one has begun', async () => (await test.tasks('lab_web')).length > 9);
    const second = deploy(file('b', compose(3, 'shoal/whoami:1')));
    await until('the second one has begun', async () => (await test.get<{ Spec: { Mode: { Replicated: { Replicas: number } } } }>('/services/lab_web')).Spec.Mode.Replicated.Replicas === 3);
    const last = await deploy(file('c', compose(5, 'shoal/whoami:2')));
    expect(last, last.stdout + last.stderr).toMatchObject({ status: 0 });
    await Promise.all([first, second]);
    const tasks = await test.untilRunning('lab_web', 5);
    for (const task of tasks) expect((task as ApiTask & { Spec: { ContainerSpec: { Image: string } } }).Spec.ContainerSpec.Image).toBe('shoal/whoami:2');
  });

  it('a removal in the middle of a deploy leaves nothing', async () => {
    const path = test.file('rm.yml', `services: { web: { image: shoal/whoami:1, deploy: { replicas: 12 } } }`);
    const deploying = test.cluster.shoal(['stack', 'deploy', '-c', path, 'gone'], { deadlineMs: 90_000 });
    await until('some tasks have begun', async () => (await test.tasks('gone_web')).length > 0, { everyMs: 5 });
    await test.remove('gone');
    const result = await deploying;
    expect(result.status).toBe(1);
    expect(result.stdout + result.stderr).toMatch(/removed/);
    const { ID } = await test.service('lab_web');
    expect((await test.get<{ ServiceID: string }[]>('/tasks')).filter(({ ServiceID }) => ServiceID !== ID)).toEqual([]);
  });
});
