import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import type { Host } from '../harness/host.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 4 });

interface ApiNode {
  ID: string;
  Description: { Hostname: string };
  Status: { State: string };
}

async function node(host: Host): Promise<ApiNode> {
  return (await test.get<ApiNode[]>('/nodes')).find(({ Description }) => Description.Hostname === host.name)!;
}

async function untilState(host: Host, state: string): Promise<void> {
  await until(`${host.name} is ${state}`, async () => (await node(host)).Status.State === state, { deadlineMs: 40_000 });
}

/** Every replica answers through every one of these hosts, and nothing else does. */
async function expectAllSlots(hosts: Host[], port: number, slots: number): Promise<void> {
  for (const host of hosts) {
    await until(`all replicas answer through ${host.name}`, async () => {
      const seen = new Set<string>();
      for (let request = 0; request < slots * 8; request++) seen.add(/Hostname: (\S+)/.exec((await httpGet(`http://${host.address}:${port}/`, 3_000)).body)![1]!);
      expect(seen.size).toBe(slots);
      return true;
    });
  }
}

const slotsOf = (tasks: ApiTask[]) => tasks.map(({ Slot }) => Slot).sort((a, b) => a! - b!);
const isAlive = (task: ApiTask) => existsSync(`/proc/${task.Status.ContainerStatus!.PID}`);

describe('a node whose link is cut', () => {
  const port = 4600;
  let lost: Host;
  let before: ApiTask[];
  let onLost: ApiTask[];

  beforeAll(async () => {
    await test.deploy('loss', `services: { web: { image: shoal/whoami:1, ports: ['${port}:80'], deploy: { replicas: 8 } } }`);
    before = await test.untilRunning('loss_web', 8);
    lost = test.cluster.host('node-4');
    const { ID } = await node(lost);
    onLost = before.filter(({ NodeID }) => NodeID === ID);
    await test.cluster.cutLink(lost);
  });

  it('is called down, and its tasks are replaced elsewhere; nothing else is touched', async () => {
    expect(onLost).toHaveLength(2);
    await untilState(lost, 'down');
    const running = await until('eight tasks run on the other nodes', async () => {
      const now = (await test.running('loss_web')).filter(({ NodeID }) => NodeID !== onLost[0]!.NodeID);
      return now.length === 8 && now;
    });
    expect(slotsOf(running)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const kept = before.filter((task) => !onLost.includes(task)).map(({ ID }) => ID);
    expect(running.map(({ ID }) => ID)).toEqual(expect.arrayContaining(kept));
    expect(onLost.every(isAlive)).toBe(true); // nobody could tell it
  });

  it('gets no connection: the port of every other node answers, from all replicas', async () => {
    await expectAllSlots(test.cluster.hosts.slice(0, 3), port, 8);
  });

  it('is told what happened when it comes back: its containers go, no slot is double, its own port leads to all replicas', async () => {
    await test.cluster.mendLink(lost);
    await untilState(lost, 'ready');
    await until('the old containers have ended', async () => !onLost.some(isAlive));
    const running = await test.untilRunning('loss_web', 8);
    expect(slotsOf(running)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await expectAllSlots(test.cluster.hosts, port, 8);
    await test.deploy('loss', `services: { web: { image: shoal/whoami:1, ports: ['${port}:80'], deploy: { replicas: 12 } } }`);
    const more = await test.untilRunning('loss_web', 12);
    expect(more.some(({ NodeID }) => NodeID === onLost[0]!.NodeID)).toBe(true);
    await test.remove('loss');
  });
});

describe('a manager that is killed in the middle of a deploy', () => {
  it('goes on where it was: every replica once', async () => {
    const file = test.file('mid.yml', `services: { web: { image: shoal/whoami:1, ports: ['4601:80'], deploy: { replicas: 30 } } }`);
    const { manager } = test.cluster;
    const deploying = test.cluster.shoal(['stack', 'deploy', '-c', file, 'mid'], { deadlineMs: 90_000 });
    await until('some replicas have been begun', async () => (await test.tasks('mid_web')).some(({ Status }) => Status.State === 'starting' || Status.State === 'running'), { everyMs: 5 });
    manager.signal('manager', 'SIGKILL');
    await until('the manager is dead', async () => !manager.isRunning('manager'));
    manager.start('manager');
    const running = await until('30 tasks run', async () => {
      const tasks = await test.running('mid_web');
      return tasks.length === 30 && tasks;
    }, { deadlineMs: 60_000 });
    expect(slotsOf(running)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(new Set(running.map(({ Status }) => Status.ContainerStatus!.PID)).size).toBe(30);
    expect(running.every(isAlive)).toBe(true);
    const result = await deploying;
    expect(result, result.stdout + result.stderr).toMatchObject({ status: 0 });
    expect(slotsOf(await test.untilRunning('mid_web', 30))).toHaveLength(30);
    await test.remove('mid');
  });
});

describe('node rm', () => {
  it('refuses a node that is ready, with what to do', async () => {
    const result = await test.cluster.shoal(['node', 'rm', 'node-4']);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/not down.*stop the agent on node-4 first/);
    expect((await test.cluster.docker(['node', 'rm', 'node-4'])).status).toBe(1);
    expect(await test.get<ApiNode[]>('/nodes')).toHaveLength(4);
  });

  it('removes one that is down; its tasks go elsewhere, and it cannot come back with its old identity', async () => {
    await test.deploy('rm', `services: { web: { image: shoal/whoami:1, deploy: { replicas: 4 } } }`);
    await test.untilRunning('rm_web', 4);
    const host = test.cluster.host('node-4');
    await host.stop('agent');
    await untilState(host, 'down');
    expect(await test.cluster.docker(['node', 'rm', 'node-4'])).toMatchObject({ status: 0, stdout: 'node-4\n' });
    expect((await test.get<ApiNode[]>('/nodes')).map(({ Description }) => Description.Hostname).sort()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(slotsOf(await test.untilRunning('rm_web', 4))).toEqual([1, 2, 3, 4]);
    test.cluster.startAgent(host);
    await until('its agent says why it is not let in', async () => /removed from the cluster/.test(host.logTail('agent', 20_000)));
    expect(await test.get<ApiNode[]>('/nodes')).toHaveLength(3);
    await test.remove('rm');
  });
});
