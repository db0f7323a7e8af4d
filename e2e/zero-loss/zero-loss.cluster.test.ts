import { describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';
import { keepCalling } from './keep-calling.js';

const test = useCluster({ nodes: 3 });
const port = 4600;

interface Shape {
  image?: string;
  order?: 'start-first' | 'stop-first';
  replicas?: number;
}

const stack = ({ image = 'shoal/whoami:1', order = 'start-first', replicas = 3 }: Shape) => `
services:
  web:
    image: ${image}
    ports: ['${port}:80']
    stop_grace_period: 2s
    deploy:
      replicas: ${replicas}
      update_config: { parallelism: 1, delay: 0s, monitor: 500ms, order: ${order}, failure_action: rollback }
      rollback_config: { parallelism: 1, monitor: 500ms, order: ${order} }
      restart_policy: { delay: 0s }
`;

/** While it happens, every node's published port is called without a pause, each time on a new connection: none may fail. */
async function withoutLoss(what: string, happen: () => Promise<unknown>): Promise<void> {
  const callers = test.cluster.hosts.map((host) => keepCalling(`http://${host.address}:${port}/`, 5));
  let results;
  try {
    await happen();
  } finally {
    results = await Promise.all(callers.map((caller) => caller.end()));
  }
  const answers = results.reduce((sum, result) => sum + result.answers, 0);
  const failures = results.flatMap((result) => result.failures);
  process.stdout.write(`zero-loss: ${what}: ${answers} requests answered, ${failures.length} failed\n`);
  expect(failures).toEqual([]);
  for (const result of results) expect(result.answers).toBeGreaterThan(10);
}

async function setUp(shape: Shape): Promise<void> {
  await test.deploy('zero', stack(shape));
  await test.untilRunning('zero_web', shape.replicas ?? 3);
}

async function availability(node: string, value: string): Promise<void> {
  expect(await test.cluster.shoal(['node', 'update', '--availability', value, node])).toMatchObject({ status: 0 });
}

describe('no request fails', () => {
  it.each(['stop-first', 'start-first'] as const)('while three tasks get another image, %s', async (order) => {
    await setUp({ order });
    await withoutLoss(`image update of 3 replicas, ${order}`, async () => {
      await test.deploy('zero', stack({ order, image: 'shoal/whoami:2' }));
      await test.untilRunning('zero_web', 3);
    });
  });

  it('while five tasks become two', async () => {
    await setUp({ replicas: 5 });
    await withoutLoss('scale 5 to 2', async () => {
      await test.deploy('zero', stack({ replicas: 2 }));
      await test.untilRunning('zero_web', 2);
    });
  });

  it.each(['start-first', 'stop-first'] as const)('while each node is drained in turn, %s', async (order) => {
    await setUp({ order });
    const nodes = new Map((await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes')).map(({ ID, Description }) => [Description.Hostname, ID]));
    await withoutLoss(`drain of each node in turn, ${order}`, async () => {
      for (const { name } of test.cluster.hosts) {
        await availability(name, 'drain');
        await until(`${name} is empty`, async () => (await test.untilRunning('zero_web', 3)).every(({ NodeID }) => NodeID !== nodes.get(name)));
        await availability(name, 'active');
      }
    });
  });

  it.each(['start-first', 'stop-first'] as const)('while a bad image is rolled back, %s', async (order) => {
    await setUp({ order });
    await withoutLoss(`rollback of a bad image, ${order}`, async () => {
      const bad = stack({ order, image: 'shoal/busybox:1' }).replace('stop_grace', `command: [sh, -c, 'echo no database; exit 3']\n    stop_grace`);
      const result = await test.tryDeploy('zero', bad);
      expect(result.status, result.output).toBe(4);
      await test.untilRunning('zero_web', 3);
    });
  });
});
