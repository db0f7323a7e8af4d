import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { httpGet } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const example = readFileSync(resolve(import.meta.dirname, '../../deploy/examples/getting-started/docker-compose.yml'), 'utf8');
const test = useCluster({ nodes: 3 });

describe('kill -9 of an agent', () => {
  it('costs no container: they serve on, and the agent that comes back adopts them', async () => {
    await test.deploy('lab', example);
    const before = (await test.untilRunning('lab_web', 5)).map(({ ID, Status }) => `${ID} ${Status.ContainerStatus!.PID}`).sort();
    const host = test.cluster.host('node-2');
    host.signal('agent', 'SIGKILL');
    await until('the agent is dead', async () => !host.isRunning('agent'));
    for (let request = 0; request < 20; request++) {
      expect((await httpGet(`http://${host.address}:4000/`)).status).toBe(200);
    }
    test.cluster.startAgent(host);
    await until('the agent is back', async () => /"session-started"/.test(host.logTail('agent', 100_000).split('agent-ready').at(-1)!));
    const after = (await test.untilRunning('lab_web', 5)).map(({ ID, Status }) => `${ID} ${Status.ContainerStatus!.PID}`).sort();
    expect(after).toEqual(before);
  });

  it('loses no exit: what ended meanwhile is reported and replaced', async () => {
    const tasks = await test.untilRunning('lab_web', 5);
    const nodes = await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes');
    const victim = tasks.find((task) => nodes.find(({ ID }) => ID === task.NodeID)?.Description.Hostname === 'node-3')!;
    const host = test.cluster.host('node-3');
    host.signal('agent', 'SIGKILL');
    await until('the agent is dead', async () => !host.isRunning('agent'));
    process.kill(victim.Status.ContainerStatus!.PID, 'SIGKILL');
    test.cluster.startAgent(host);
    const old = await until('the exit is known', async () => (await test.tasks('lab_web')).find(({ ID, Status }) => ID === victim.ID && Status.State === 'failed'));
    expect(old.Status.ContainerStatus?.ExitCode).toBe(137);
    await test.untilRunning('lab_web', 5);
  });

  it('takes new work after its return', async () => {
    await test.deploy('lab', example.replace('replicas: 5', 'replicas: 8'));
    await test.untilRunning('lab_web', 8);
    await test.remove('lab');
  });
});

describe('kill -9 of the manager', () => {
  it('costs no container, and the manager that comes back knows everything', async () => {
    await test.deploy('lab', example);
    const before = (await test.untilRunning('lab_web', 5)).map(({ ID, Status }) => `${ID} ${Status.ContainerStatus!.PID}`).sort();
    const { manager } = test.cluster;
    manager.signal('manager', 'SIGKILL');
    await until('the manager is dead', async () => !manager.isRunning('manager'));
    expect((await httpGet(`http://${manager.address}:4000/`)).status).toBe(200);
    manager.start('manager');
    await until('the manager answers', async () => (await test.cluster.shoal(['node', 'ls'])).status === 0);
    await until('every node is back', async () => (await test.cluster.docker(['node', 'ls', '--format', '{{.Status}}'])).stdout.split('\n').filter((line) => line === 'Ready').length === 3);
    const after = (await test.untilRunning('lab_web', 5)).map(({ ID, Status }) => `${ID} ${Status.ContainerStatus!.PID}`).sort();
    expect(after).toEqual(before);
    await test.deploy('lab', example.replace('replicas: 5', 'replicas: 6'));
    await test.untilRunning('lab_web', 6);
    await test.remove('lab');
  });
});
