import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';
import { keepCalling } from '../zero-loss/keep-calling.js';

const test = useCluster({ nodes: 3 });

interface Inspected {
  Spec: { TaskTemplate: { ContainerSpec: { Image: string } } };
  PreviousSpec?: unknown;
  UpdateStatus?: { State: string; Message: string };
}

interface Shape {
  order: string;
  port: number;
  /** Replaces the server that the good version is. */
  bad?: string;
}

const stack = ({ order, port, bad }: Shape) => `
services:
  web:
    ${bad ?? 'image: shoal/whoami:1'}
    ports: ['${port}:80']
    stop_grace_period: 2s
    deploy:
      replicas: 4
      update_config: { parallelism: 1, monitor: 3s, order: ${order}, failure_action: rollback }
      rollback_config: { parallelism: 2, monitor: 500ms, order: ${order} }
`;

const exitsAtOnce = `image: shoal/busybox:1\n    command: [sh, -c, 'echo no database; exit 1']`;
const exitsLater = `image: shoal/busybox:1\n    command: [sh, -c, 'httpd -p 80 -h /etc; sleep 2; echo lost the database; exit 1']`;
const unhealthy = `image: shoal/busybox:1\n    command: [sleep, '1000']\n    healthcheck: { test: [CMD, 'false'], interval: 200ms, timeout: 1s, retries: 3 }`;

function identities(tasks: ApiTask[]): string[] {
  return tasks.map(({ ID, Status }) => `${ID} ${Status.ContainerStatus?.ContainerID} ${Status.ContainerStatus?.PID}`).sort();
}

describe('a version that fails, with failure_action rollback', () => {
  it.each([
    ['exits at once', exitsAtOnce, 'no database'],
    ['never gets healthy', unhealthy, 'unhealthy'],
  ])('start-first, and %s: exit status 4, the old containers are those of before, no request fails', async (_how, bad, said) => {
    await test.deploy('back', stack({ order: 'start-first', port: 4850 }));
    const before = identities(await test.untilRunning('back_web', 4));
    const clients = test.cluster.hosts.map((host) => keepCalling(`http://${host.address}:4850/`));
    const result = await test.tryDeploy('back', stack({ order: 'start-first', port: 4850, bad }));
    const calls = await Promise.all(clients.map((client) => client.end()));
    expect(result.output).toMatch(/back_web was rolled back: task: /);
    expect(result.output).toContain(said);
    expect(result.status, result.output).toBe(4);
    expect(identities(await test.untilRunning('back_web', 4))).toEqual(before);
    expect(calls.flatMap(({ failures }) => failures)).toEqual([]);
    for (const { answers } of calls) expect(answers).toBeGreaterThan(0);
    const service = await test.get<Inspected>('/services/back_web');
    expect(service.UpdateStatus).toMatchObject({ State: 'rollback_completed', Message: 'rollback completed' });
    expect(service.Spec.TaskTemplate.ContainerSpec.Image).toMatch(/^shoal\/whoami:1/);
    expect(service.PreviousSpec).toBeUndefined();
    await test.remove('back');
  });

  it('start-first, and runs for a while: the old containers outlive it', async () => {
    await test.deploy('later', stack({ order: 'start-first', port: 4851 }));
    const before = identities(await test.untilRunning('later_web', 4));
    const result = await test.tryDeploy('later', stack({ order: 'start-first', port: 4851, bad: exitsLater }));
    expect(result.output).toContain('lost the database');
    expect(result.status, result.output).toBe(4);
    expect(identities(await test.untilRunning('later_web', 4))).toEqual(before);
    await test.remove('later');
  });

  it('stop-first: exit status 4, three of four containers are those of before, no request fails', async () => {
    await test.deploy('stop', stack({ order: 'stop-first', port: 4852 }));
    const before = identities(await test.untilRunning('stop_web', 4));
    const clients = test.cluster.hosts.map((host) => keepCalling(`http://${host.address}:4852/`));
    const result = await test.tryDeploy('stop', stack({ order: 'stop-first', port: 4852, bad: unhealthy }));
    const calls = await Promise.all(clients.map((client) => client.end()));
    expect(result.status, result.output).toBe(4);
    expect(identities(await test.untilRunning('stop_web', 4)).filter((identity) => before.includes(identity))).toHaveLength(3);
    expect(calls.flatMap(({ failures }) => failures)).toEqual([]);
    // The same file again changes nothing; a good one goes through.
    expect((await test.tryDeploy('stop', stack({ order: 'stop-first', port: 4852 }))).status).toBe(0);
    await test.remove('stop');
  });
});

describe('a service that crashes again and again', () => {
  it('waits longer each time, and its waiting task says so', async () => {
    await test.tryDeploy('loop', `
services:
  web:
    image: shoal/busybox:1
    command: [sh, -c, 'exit 1']
    deploy: { restart_policy: { delay: 0s } }
`);
    const waiting = await until('the fourth restart waits', async () => {
      const tasks = await test.tasks('loop_web');
      return tasks.find(({ Status }) => Status.Err?.includes('4th time in a row'));
    }, { deadlineMs: 30_000 });
    expect(waiting.Status.Err).toBe('crash-looping: task: non-zero exit (1); restarts after 4 s, 4th time in a row');
    expect((await test.cluster.docker(['service', 'ps', '--no-trunc', 'loop_web'])).stdout).toContain('crash-looping: task: non-zero exit (1)');
    await test.remove('loop');
  });
});
