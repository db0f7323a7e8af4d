import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import { prefix, useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const example = readFileSync(resolve(import.meta.dirname, '../../deploy/examples/getting-started/docker-compose.yml'), 'utf8');
const withReplicas = (count: number) => example.replace('replicas: 5', `replicas: ${count}`);
const test = useCluster({ nodes: 3 });
const web = 'lab_web';

/** Identity of containers: the same before and after means that nobody touched them. */
function identities(tasks: ApiTask[]): string[] {
  return tasks.map(({ ID, Status }) => `${ID} ${Status.ContainerStatus?.ContainerID} ${Status.ContainerStatus?.PID}`).sort();
}

describe('the example of the README', () => {
  beforeAll(() => test.deploy('lab', example).then(() => undefined));

  it('runs five replicas, spread over all nodes', async () => {
    const tasks = await test.untilRunning(web, 5);
    const perNode = new Map<string, number>();
    for (const task of tasks) perNode.set(task.NodeID, (perNode.get(task.NodeID) ?? 0) + 1);
    expect([...perNode.values()].sort()).toEqual([1, 2, 2]);
  });

  it('answers on the published port of every node, naming the replica, its node and the client', async () => {
    const seen = new Set<string>();
    for (const host of test.cluster.hosts) {
      for (let request = 0; request < 30; request++) {
        const { status, body } = await httpGet(`http://${host.address}:4000/`);
        expect(status).toBe(200);
        expect(body).toContain(`${prefix}.254:`); // the machine's own address: the client's, kept
        seen.add(/lab_web\.\d/.exec(body)?.[0] ?? body);
      }
    }
    expect([...seen].sort()).toEqual(['lab_web.1', 'lab_web.2', 'lab_web.3', 'lab_web.4', 'lab_web.5']);
  });

  it('changes nothing when the same file is deployed again, and says so', async () => {
    const before = identities(await test.tasks(web));
    expect(await test.deploy('lab', example)).toMatch(/nothing changed/i);
    expect(identities(await test.tasks(web))).toEqual(before);
  });

  it('creates exactly the missing tasks, then removes exactly the surplus', async () => {
    const five = identities(await test.untilRunning(web, 5));
    await test.deploy('lab', withReplicas(8));
    const eight = identities(await test.untilRunning(web, 8));
    expect(eight).toEqual(expect.arrayContaining(five));
    await test.deploy('lab', withReplicas(2));
    const two = identities(await test.untilRunning(web, 2));
    expect(eight).toEqual(expect.arrayContaining(two));
    await test.deploy('lab', example);
    const again = identities(await test.untilRunning(web, 5));
    expect(again).toEqual(expect.arrayContaining(two));
  });

  it('replaces a container whose process was killed, and remembers how the old one ended', async () => {
    const [victim, ...others] = await test.untilRunning(web, 5);
    process.kill(victim!.Status.ContainerStatus!.PID, 'SIGKILL');
    await until('the old task has failed', async () => (await test.tasks(web)).some(({ ID, Status }) => ID === victim!.ID && Status.State === 'failed'));
    const after = await test.untilRunning(web, 5);
    expect(identities(after)).toEqual(expect.arrayContaining(identities(others)));
    const old = (await test.tasks(web)).find(({ ID }) => ID === victim!.ID)!;
    expect(old.Status.ContainerStatus?.ExitCode).toBe(137);
    expect(old.Status.Err).toContain('non-zero exit (137)');
    const { stdout } = await test.cluster.shoal(['stack', 'ps', '--no-trunc', 'lab']);
    expect(stdout).toMatch(/ \\_ lab_web\.\d .*Failed .*"task: non-zero exit \(137\)/);
  });

  it('does not restart an exit 0 when the condition is on-failure', async () => {
    await test.deploy(
      'once',
      `
services:
  job:
    image: shoal/busybox:1
    command: ["true"]
    deploy: { restart_policy: { condition: on-failure } }
`,
    );
    const tasks = await test.tasks('once_job');
    expect(tasks.map(({ Status }) => Status.State)).toEqual(['complete']);
    await test.remove('once');
  });
});
