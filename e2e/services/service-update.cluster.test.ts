import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 2 });

async function docker(args: string[], input?: string): Promise<string> {
  const result = await test.cluster.docker(args, { deadlineMs: 60_000, ...(input !== undefined && { input }) });
  expect(result, `docker ${args.join(' ')}: ${result.stderr}`).toMatchObject({ status: 0 });
  return result.stdout;
}

const quick = ['--update-delay', '0s', '--update-monitor', '100ms', '--update-parallelism', '0', '--no-resolve-image'];
const update = (...flags: string[]) => docker(['service', 'update', ...quick, ...flags, 'web']);
const ids = (tasks: ApiTask[]) => tasks.map(({ ID }) => ID).sort();
const environment = (task: ApiTask) => readFileSync(`/proc/${task.Status.ContainerStatus!.PID}/environ`, 'utf8').split('\0');

describe('docker service update', () => {
  beforeAll(async () => {
    await docker(['network', 'create', '--driver', 'overlay', '--attachable', '--subnet', '10.77.0.0/24', 'extra']);
    await docker(['config', 'create', 'first', '-'], 'one');
    await docker(['service', 'create', '--name', 'web', '--replicas', '2', '--no-resolve-image', '--stop-grace-period', '1s', '-p', '4900:80', 'shoal/whoami:1']);
  });
  afterAll(async () => {
    await docker(['service', 'rm', 'web']);
    await until('nothing is left', async () => (await test.get<unknown[]>('/tasks')).length === 0);
    await docker(['network', 'rm', 'extra']);
    await docker(['config', 'rm', 'first']);
  });

  it('adds and removes environment, mounts, configs, limits and labels of the container', async () => {
    await update('--env-add', 'A=1', '--env-add', 'B=2', '--mount-add', 'type=tmpfs,target=/scratch', '--config-add', 'source=first,target=/first', '--limit-memory', '64m', '--limit-cpu', '0.5', '--container-label-add', 'x=y', '--hostname', 'named', '--host-add', 'peer:10.1.2.3');
    for (const task of await test.untilRunning('web', 2)) {
      expect(environment(task)).toEqual(expect.arrayContaining(['A=1', 'B=2']));
      const root = `/proc/${task.Status.ContainerStatus!.PID}/root`;
      expect(readFileSync(`${root}/first`, 'utf8')).toBe('one');
      expect(readFileSync(`${root}/etc/hosts`, 'utf8')).toMatch(/^10\.1\.2\.3\s+peer$/m);
      expect(readFileSync(`/proc/${task.Status.ContainerStatus!.PID}/mounts`, 'utf8')).toContain(' /scratch tmpfs ');
    }
    await update('--env-rm', 'A', '--mount-rm', '/scratch', '--config-rm', 'first', '--host-rm', 'peer:10.1.2.3');
    for (const task of await test.untilRunning('web', 2)) {
      expect(environment(task).some((entry) => entry.startsWith('A='))).toBe(false);
      expect(readFileSync(`/proc/${task.Status.ContainerStatus!.PID}/mounts`, 'utf8')).not.toContain(' /scratch ');
    }
  });

  it('adds and removes published ports without a restart', async () => {
    const before = ids(await test.untilRunning('web', 2));
    await update('--publish-add', '4901:80');
    for (const host of test.cluster.hosts) for (const port of [4900, 4901]) await until(`${port} answers on ${host.name}`, async () => (await httpGet(`http://${host.address}:${port}/`)).status === 200);
    await update('--publish-rm', '80');
    for (const host of test.cluster.hosts) for (const port of [4900, 4901]) await until(`${port} is closed on ${host.name}`, () => httpGet(`http://${host.address}:${port}/`, 1_000).then(() => false, () => true));
    await update('--publish-add', '4900:80');
    expect(ids(await test.untilRunning('web', 2))).toEqual(before);
  });

  it('adds and removes networks', async () => {
    await update('--network-add', 'name=extra,alias=www');
    for (const task of await test.untilRunning('web', 2)) {
      const addresses = (task.NetworksAttachments ?? []).flatMap(({ Addresses }) => Addresses);
      expect(addresses.some((address) => address.startsWith('10.77.0.'))).toBe(true);
    }
    const refused = await test.cluster.docker(['network', 'rm', 'extra']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/in use/);
    await update('--network-rm', 'extra');
    for (const task of await test.untilRunning('web', 2)) expect(JSON.stringify(task.NetworksAttachments ?? [])).not.toContain('10.77.0.');
  });

  it('--force replaces every task, and only then', async () => {
    const before = ids(await test.untilRunning('web', 2));
    await update('--label-add', 'a=b');
    expect(ids(await test.untilRunning('web', 2))).toEqual(before);
    await update('--force');
    expect(ids(await test.untilRunning('web', 2)).filter((id) => before.includes(id))).toEqual([]);
  });

  it('rollback goes back to the spec before', async () => {
    await update('--image', 'shoal/whoami:2', '--env-add', 'C=3');
    expect(await docker(['service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}}', 'web'])).toBe('shoal/whoami:2\n');
    await docker(['service', 'rollback', 'web']);
    expect(await docker(['service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}}', 'web'])).toBe('shoal/whoami:1\n');
    for (const task of await test.untilRunning('web', 2)) expect(environment(task)).not.toContain('C=3');
    const [body] = [await httpGet(`http://${test.cluster.manager.address}:4900/`)].map((answer) => answer.body);
    expect(body).toContain('Version: 1');
  });

  it('moves tasks when a constraint is added, and refuses a constraint that is none', async () => {
    await update('--constraint-add', 'node.hostname==node-2');
    const [node2] = (await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes')).filter(({ Description }) => Description.Hostname === 'node-2');
    expect((await test.untilRunning('web', 2)).map(({ NodeID }) => NodeID)).toEqual([node2!.ID, node2!.ID]);
    const bad = await test.cluster.docker(['service', 'update', '--constraint-add', 'nonsense', 'web']);
    expect(bad.status).toBe(1);
    expect(bad.stderr).toMatch(/nonsense|constraint/);
    await update('--constraint-rm', 'node.hostname==node-2');
  });
});

describe('a health check that never passes', () => {
  it('keeps the new task out and the old one in, with order start-first', async () => {
    const compose = (test_: string) => `
services:
  web:
    image: shoal/busybox:1
    command: [sleep, '1000']
    stop_grace_period: 100ms
    healthcheck: { test: [CMD, ${test_}], interval: 200ms, timeout: 1s, retries: 3 }
    deploy: { update_config: { order: start-first, monitor: 500ms }, restart_policy: { delay: 0s } }
`;
    await test.deploy('sick', compose("'true'"));
    const before = ids(await test.untilRunning('sick_web', 1));
    const result = await test.tryDeploy('sick', compose("'false'"));
    expect(result.status).toBe(1);
    expect(result.output).toMatch(/unhealthy/);
    expect(ids(await test.running('sick_web'))).toEqual(before);
    await test.remove('sick');
  });
});

describe('an external network', () => {
  it('joins the services of two stacks', async () => {
    await docker(['network', 'create', '--driver', 'overlay', 'shared']);
    const stack = (service: string) => `services:\n  ${service}\nnetworks: { default: { name: shared, external: true } }`;
    await test.deploy('left', stack('web: { image: shoal/whoami:1 }'));
    await test.deploy('right', stack("client: { image: shoal/busybox:1, command: [sleep, '1000'], stop_grace_period: 100ms }"));
    const [client] = await test.untilRunning('right_client', 1);
    for (const name of ['web', 'left_web']) {
      expect(await must(test.inside(client!, ['sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${name} 80`]))).toContain('left_web.1');
    }
    await test.remove('left');
    await test.remove('right');
    await docker(['network', 'rm', 'shared']);
  });
});
