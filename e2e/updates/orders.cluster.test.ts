import { expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 2 });

interface Inspected {
  UpdateStatus?: { State: string; Message: string };
  Shoal?: { Stopped?: boolean; Canary?: boolean; Cron?: { NextRun?: string; UnderWay?: number } };
}

const inspect = (service: string) => test.get<Inspected>(`/services/${service}`);
const ids = (tasks: ApiTask[]) => tasks.map(({ ID }) => ID).sort();
const images = (tasks: ApiTask[]) => (tasks as (ApiTask & { Spec: { ContainerSpec: { Image: string } } })[]).map(({ Spec }) => Spec.ContainerSpec.Image.replace(/@.*/, '')).sort();

const web = (version: number, more = '') => `
services:
  web:
    image: shoal/whoami:${version}
    stop_grace_period: 1s
    deploy:
      replicas: 3
      update_config: { parallelism: 1, monitor: 300ms${more} }
`;

it('a canary waits for its promotion, or goes when the update is aborted; both end as they should', async () => {
  await test.deploy('can', web(1, ', x-canary: 1, order: start-first'));
  const old = ids(await test.untilRunning('can_web', 3));
  const deploy = await test.tryDeploy('can', web(2, ', x-canary: 1, order: start-first'));
  expect(deploy.status, deploy.output).toBe(0);
  expect(deploy.output).toContain('canary: 1 of 3 tasks are new; the others wait for the update to be promoted or aborted');
  expect(deploy.output).toContain('shoal service promote can_web');
  expect(images(await test.untilRunning('can_web', 3))).toEqual(['shoal/whoami:1', 'shoal/whoami:1', 'shoal/whoami:2']);
  expect(await inspect('can_web')).toMatchObject({ UpdateStatus: { State: 'paused' }, Shoal: { Canary: true } });
  expect((await test.cluster.shoal(['service', 'ls'])).stdout).toContain('(canary)');

  const aborted = await test.cluster.shoal(['service', 'abort', 'can_web']);
  expect(aborted.status, aborted.stderr).toBe(0);
  const back = await test.untilRunning('can_web', 3);
  expect(images(back)).toEqual(['shoal/whoami:1', 'shoal/whoami:1', 'shoal/whoami:1']);
  expect(ids(back).filter((id) => old.includes(id))).toHaveLength(2);

  expect((await test.tryDeploy('can', web(2, ', x-canary: 1, order: start-first'))).status).toBe(0);
  const promoted = await test.cluster.shoal(['stack', 'promote', 'can']);
  expect(promoted.status, promoted.stderr).toBe(0);
  expect(images(await test.untilRunning('can_web', 3))).toEqual(['shoal/whoami:2', 'shoal/whoami:2', 'shoal/whoami:2']);
  await test.remove('can');
});

it('an update is paused and resumed; a service is restarted, stopped, and started with as many tasks as before', async () => {
  await test.deploy('ord', web(1, ', delay: 1h'));
  await test.untilRunning('ord_web', 3);
  expect(await test.cluster.shoal(['service', 'pause', 'ord_web'])).toMatchObject({ status: 1, stderr: expect.stringContaining('no update is under way') });
  expect((await test.cluster.shoal(['service', 'update', '--detach', '--image', 'shoal/whoami:2', 'ord_web'])).status).toBe(0);
  await until('one task is new', async () => images(await test.running('ord_web')).filter((image) => image === 'shoal/whoami:2').length === 1);
  expect((await test.cluster.shoal(['stack', 'pause', 'ord'])).status).toBe(0);
  await until('the update is paused', async () => (await inspect('ord_web')).UpdateStatus?.Message === 'update paused by the user');
  expect((await test.cluster.shoal(['service', 'resume', '--detach', 'ord_web'])).status).toBe(0);
  await until('the update goes on', async () => (await inspect('ord_web')).UpdateStatus?.State === 'updating');

  const stopped = await test.cluster.shoal(['service', 'stop', 'ord_web']);
  expect(stopped.status, stopped.stderr).toBe(0);
  expect(await test.running('ord_web')).toEqual([]);
  expect((await test.cluster.shoal(['service', 'ls'])).stdout).toMatch(/ord_web .*0\/0 \(stopped\)/);
  const started = await test.cluster.shoal(['service', 'start', 'ord_web']);
  expect(started.status, started.stderr).toBe(0);
  const before = ids(await test.untilRunning('ord_web', 3));
  await test.deploy('ord', web(2, ', delay: 0s'));
  const restarted = await test.cluster.shoal(['stack', 'restart', 'ord']);
  expect(restarted.status, restarted.stderr).toBe(0);
  expect(ids(await test.untilRunning('ord_web', 3)).filter((id) => before.includes(id))).toEqual([]);
  await test.remove('ord');
});

it('an update that no node can carry out costs nothing, and goes back at its deadline with the reason', async () => {
  await test.deploy('dead', web(1));
  const before = ids(await test.untilRunning('dead_web', 3));
  const nowhere = web(2, ', failure_action: rollback, x-progress-deadline: 1s').replace('replicas: 3', "replicas: 3\n      placement: { constraints: ['node.labels.moon == full'] }");
  const deploy = await test.tryDeploy('dead', nowhere);
  expect(deploy.status, deploy.output).toBe(4);
  expect(deploy.output).toContain('wants node.labels.moon == full');
  expect(ids(await test.untilRunning('dead_web', 3))).toEqual(before);
  await test.remove('dead');
});

it('a task that fails its health check gets no connections until it passes again, and is not restarted', async () => {
  const stack = `
services:
  web:
    image: shoal/busybox:1
    command: [sh, -c, 'hostname > /index.html; touch /well; exec httpd -f -p 80 -h /']
    ports: ['4470:80']
    stop_grace_period: 1s
    healthcheck: { test: [CMD, test, -e, /well], interval: 200ms, timeout: 5s, retries: 10000 }
    deploy: { replicas: 2 }
`;
  await test.deploy('ready', stack);
  const [ill, well] = await test.untilRunning('ready_web', 2);
  const before = ids([ill!, well!]);
  const answers = async () => {
    const found = new Set<string>();
    for (const host of test.cluster.hosts) for (let call = 0; call < 10; call++) found.add((await httpGet(`http://${host.address}:4470/`)).body.trim());
    return found;
  };
  await until('both answer', async () => (await answers()).size === 2);
  const run = async (argv: string[]) => expect(await test.cluster.shoal(['exec', ill!.ID, ...argv])).toMatchObject({ status: 0 });
  await run(['rm', '/well']);
  await until('one answers', async () => (await answers()).size === 1);
  expect((await test.cluster.shoal(['service', 'ps', '--no-trunc', 'ready_web'])).stdout).toContain('not ready: its last health check failed');
  await run(['touch', '/well']);
  await until('both answer again', async () => (await answers()).size === 2);
  expect(ids(await test.tasks('ready_web'))).toEqual(before);
  await test.remove('ready');
});

it('a schedule makes one run for each of its times, and run-now one more; ps keeps what was', async () => {
  const stack = `
services:
  tick:
    image: shoal/busybox:1
    command: [sh, -c, 'echo tick']
    deploy: { mode: replicated-job, x-cron: { schedule: '@every 1s', history: 3 } }
  once:
    image: shoal/busybox:1
    command: [sh, -c, 'echo once; exit 3']
    deploy: { mode: replicated-job, restart_policy: { condition: none }, x-cron: { schedule: '0 0 29 2 *', timezone: Europe/Berlin } }
`;
  await test.deploy('cron', stack);
  await until('it has run three times', async () => (await test.tasks('cron_tick')).filter(({ Status }) => Status.State === 'complete').length >= 3);
  expect((await inspect('cron_tick')).Shoal?.Cron?.NextRun).toMatch(/^\d{4}-/);
  expect(await test.tasks('cron_once')).toEqual([]);
  const run = await test.cluster.shoal(['service', 'run-now', 'cron_once']);
  expect(run.status, run.stdout).toBe(1);
  expect(run.stderr).toContain('exit code 3');
  expect((await test.tasks('cron_once')).map(({ Status }) => Status.State)).toEqual(['failed']);
  expect((await test.cluster.shoal(['service', 'ls'])).stdout).toMatch(/cron_tick +cron /);
  await test.remove('cron');
});
