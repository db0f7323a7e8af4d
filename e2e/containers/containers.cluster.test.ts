import { readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 1 });

describe('a container', () => {
  it('has its own pid 1, hostname, mounts, network and ipc', async () => {
    await test.deploy('own', `services: { box: { image: shoal/busybox:1, hostname: inside, command: [sleep, '1000'] } }`);
    const [task] = await test.untilRunning('own_box', 1);
    const run = (argv: string[]) => must(test.inside(task!, argv));
    expect((await run(['cat', '/proc/1/cmdline'])).split('\0').slice(0, 2)).toEqual(['sleep', '1000']);
    expect((await run(['hostname'])).trim()).toBe('inside');
    expect(await run(['cat', '/proc/mounts'])).toMatch(/^overlay \/ overlay /m);
    expect((await run(['ls', '/sys/class/net'])).split('\n').filter(Boolean)).toEqual(['eth0', 'lo']);
    for (const kind of ['pid', 'mnt', 'uts', 'net', 'ipc']) {
      expect(readlinkSync(`/proc/${task!.Status.ContainerStatus!.PID}/ns/${kind}`), kind).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    }
    await test.remove('own');
  });

  it('is killed when it allocates more than its limit, and that is said', async () => {
    const result = await test.cluster.shoal(
      ['stack', 'deploy', '--timeout', '60s', '-c', test.file('oom.yml', `
services:
  hog:
    image: shoal/busybox:1
    command: [sh, -c, 'echo allocating; exec tail -c 60m /dev/zero']
    deploy:
      resources: { limits: { memory: 50M } }
      restart_policy: { condition: none }
`), 'oom'],
      { deadlineMs: 90_000 },
    );
    expect(result.status).toBe(1);
    expect(result.stdout + result.stderr).toMatch(/out of memory/i);
    expect(result.stdout + result.stderr).toContain('50 MiB');
    const [task] = await test.tasks('oom_hog');
    expect(task!.Status.Err).toBe('task: non-zero exit (137): out of memory (limit 50 MiB)');
    await test.remove('oom');
  });

  it('gets a tenth of a core when its limit says so', async () => {
    await test.deploy('cpu', `
services:
  loop:
    image: shoal/busybox:1
    command: [sh, -c, 'while :; do :; done']
    deploy: { resources: { limits: { cpus: '0.1' } } }
`);
    const [task] = await test.untilRunning('cpu_loop', 1);
    const usage = () => Number(readFileSync(cpuUsagePath(task!), 'utf8'));
    const start = { ns: usage(), ms: performance.now() };
    const end = await until('three seconds of its life have passed', async () => performance.now() - start.ms > 3_000 && { ns: usage(), ms: performance.now() });
    const cores = (end.ns - start.ns) / 1e6 / (end.ms - start.ms);
    expect(cores).toBeGreaterThan(0.05);
    expect(cores).toBeLessThan(0.13);
    await test.remove('cpu');
  });

  it('counts as running once it is healthy, and is replaced when it is not', async () => {
    await test.deploy('health', `
services:
  web:
    image: shoal/busybox:1
    command: [sh, -c, 'touch /healthy; sleep 1000']
    stop_grace_period: 1s
    healthcheck: { test: [CMD, test, -e, /healthy], interval: 200ms, timeout: 2s, retries: 2 }
    deploy: { restart_policy: { delay: 100ms } }
`);
    const [task] = await test.untilRunning('health_web', 1);
    await must(test.inside(task!, ['rm', '/healthy']));
    const old = await until('the unhealthy task has failed', async () => (await test.tasks('health_web')).find(({ ID, Status }) => ID === task!.ID && Status.State === 'failed'));
    expect(old.Status.Err).toContain('unhealthy container');
    const [next] = await test.untilRunning('health_web', 1);
    expect(next!.ID).not.toBe(task!.ID);
    await test.remove('health');
  });
});

/** Its cpuacct (v1) usage file, in nanoseconds. */
function cpuUsagePath(task: ApiTask): string {
  const cgroups = readFileSync(`/proc/${task.Status.ContainerStatus!.PID}/cgroup`, 'utf8');
  const path = /^\d+:(?:[^:\n]*,)?cpuacct(?:,[^:\n]*)?:(.*)$/m.exec(cgroups)![1]!;
  return `/sys/fs/cgroup/cpuacct${path}/cpuacct.usage`;
}
