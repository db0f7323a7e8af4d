import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

/** Where tasks go when that changes, and what users are told of it. */
const test = useCluster({ nodes: 3 });

const sleeper = `image: shoal/busybox:1
    command: [sleep, '1000']
    stop_grace_period: 100ms`;

interface ApiNode {
  ID: string;
  Description: { Hostname: string; Resources: { MemoryBytes: number } };
}

async function shoal(...args: string[]): Promise<string> {
  const result = await test.cluster.shoal(args, { deadlineMs: 90_000 });
  expect(result, `shoal ${args.join(' ')}: ${result.stdout}${result.stderr}`).toMatchObject({ status: 0 });
  return result.stdout;
}

async function perNode(tasks: ApiTask[]): Promise<Record<string, number>> {
  const names = new Map((await test.get<ApiNode[]>('/nodes')).map(({ ID, Description }) => [ID, Description.Hostname]));
  const counts: Record<string, number> = {};
  for (const { NodeID } of tasks) counts[names.get(NodeID)!] = (counts[names.get(NodeID)!] ?? 0) + 1;
  return counts;
}

describe('a task that waits', () => {
  it('is explained node by node, with the numbers, and starts within moments when a node has what it wants', async () => {
    const result = await test.tryDeploy('wait', `services:\n  db:\n    ${sleeper}\n    deploy: { placement: { constraints: ['node.labels.disk in (ssd, nvme)'] } }`, '--detach');
    expect(result.status).toBe(0);
    await until('it waits', async () => (await test.tasks('wait_db')).some(({ Status }) => Status.State === 'pending' && Status.Err));
    for (const text of [await shoal('task', 'explain', 'wait_db.1'), await shoal('service', 'explain', 'wait_db')]) {
      expect(text).toMatch(/node-3 +constraints +wants node\.labels\.disk in \(ssd, nvme\), has none/);
    }
    await shoal('node', 'update', '--label-add', 'disk=nvme', 'node-3');
    expect(await perNode(await test.untilRunning('wait_db', 1))).toEqual({ 'node-3': 1 });
    await test.remove('wait');
  });
});

describe('a node that is drained', () => {
  it('is left by all tasks, in the order of their services, and gets its share again by a rebalance', async () => {
    await test.deploy('move', `services:\n  web:\n    ${sleeper}\n    deploy: { replicas: 6, update_config: { parallelism: 1, order: start-first } }`);
    await test.untilRunning('move_web', 6);
    expect(await shoal('node', 'drain', '--dry-run', 'node-2')).toMatch(/move_web\.2 +node-2 +node-[13]/);
    expect(await perNode(await test.running('move_web'))).toEqual({ 'node-1': 2, 'node-2': 2, 'node-3': 2 });
    let fewest = 6;
    let isDrained = false;
    const watching = until('it is drained', async () => {
      fewest = Math.min(fewest, (await test.running('move_web')).length);
      return isDrained;
    }, { deadlineMs: 90_000, everyMs: 50 });
    expect(await shoal('node', 'drain', '--wait', 'node-2')).toContain('node-2 is drained');
    isDrained = true;
    await watching;
    expect(fewest).toBe(6);
    expect(await perNode(await test.untilRunning('move_web', 6))).toEqual({ 'node-1': 3, 'node-3': 3 });

    await shoal('node', 'activate', 'node-2');
    expect(await shoal('cluster', 'rebalance', '--dry-run')).toContain('2 tasks would move');
    await shoal('cluster', 'rebalance');
    await until('each node has its share', async () => {
      const counts = await perNode(await test.untilRunning('move_web', 6));
      return counts['node-1'] === 2 && counts['node-2'] === 2 && counts['node-3'] === 2;
    }, { deadlineMs: 60_000 });
    expect(await shoal('cluster', 'rebalance', '--dry-run')).toContain('the balance is as good as it gets');
    await test.remove('move');
  });

  it('is not, when tasks would find no other node; what if says so beforehand', async () => {
    await shoal('node', 'update', '--label-add', 'only=here', 'node-2');
    await test.deploy('stay', `services:\n  one:\n    ${sleeper}\n    deploy: { placement: { constraints: [node.labels.only == here] } }`);
    const whatIf = await test.cluster.shoal(['cluster', 'what-if', 'node-down', 'node-2']);
    expect(whatIf).toMatchObject({ status: 1, stdout: expect.stringMatching(/stay_one\.1 +node-2 +nowhere/) });
    const drain = await test.cluster.shoal(['node', 'drain', 'node-2']);
    expect(drain).toMatchObject({ status: 1, stderr: expect.stringContaining('node-2 is not drained: 1 task would find no other node') });
    expect(await test.running('stay_one')).toHaveLength(1);
    await shoal('node', 'drain', '--force', '--wait', 'node-2');
    expect(await test.running('stay_one')).toHaveLength(0);
    await shoal('node', 'activate', 'node-2');
    await test.untilRunning('stay_one', 1);
    await test.remove('stay');
  });
});

it('a task of higher priority gets the room of one of lower priority, which tells why it went and comes back when there is room', async () => {
  const [node] = await test.get<ApiNode[]>('/nodes');
  const most = Math.floor(node!.Description.Resources.MemoryBytes * 0.6);
  const compose = (name: string, replicas: number, priority: number) =>
    `services:\n  ${name}:\n    ${sleeper}\n    deploy: { replicas: ${replicas}, x-priority: ${priority}, resources: { reservations: { memory: '${most}' } } }`;
  await test.deploy('low', compose('batch', 3, 0));
  await test.deploy('high', compose('shop', 1, 10));
  expect(await test.untilRunning('high_shop', 1)).toHaveLength(1);
  const victims = (await test.tasks('low_batch')).filter(({ Status }) => /preempted by high_shop\.1 \(priority 10\)/.test(Status.Err ?? ''));
  expect(victims).toHaveLength(1);
  expect(await test.running('low_batch')).toHaveLength(2);
  await test.remove('high');
  await test.untilRunning('low_batch', 3);
  await test.remove('low');
});

it('the tasks of a service stay with their local volumes', async () => {
  const compose = (text: string) => `services:\n  db:\n    ${sleeper}\n    environment: { TEXT: '${text}' }\n    volumes: ['data:/data']\n    deploy: { replicas: 2, update_config: { parallelism: 0, monitor: 100ms } }\nvolumes: { data: }`;
  await test.deploy('vol', compose('one'));
  const before = new Map((await test.untilRunning('vol_db', 2)).map(({ Slot, NodeID }) => [Slot, NodeID]));
  await test.deploy('vol', compose('two'));
  expect(new Map((await test.untilRunning('vol_db', 2)).map(({ Slot, NodeID }) => [Slot, NodeID]))).toEqual(before);
  await test.remove('vol');
});

it('the number of tasks follows what they use, and tells why', async () => {
  await test.deploy('auto', `
services:
  burner:
    image: shoal/busybox:1
    command: [sh, -c, 'while :; do :; done']
    stop_grace_period: 100ms
    deploy: { x-autoscale: { min: 1, max: 2, cpu: 20, cooldown: 1s }, resources: { limits: { cpus: '0.05' } } }
`);
  await test.untilRunning('auto_burner', 2);
  const { Spec } = await test.service('auto_burner');
  expect(Spec).toMatchObject({ Mode: { Replicated: { Replicas: 2 } } });
  const events = await test.cluster.docker(['events', '--since', '5m', '--until', '0s', '--filter', 'type=service', '--format', '{{json .Actor.Attributes}}']);
  expect(events.stdout).toMatch(/"autoscale.new":"1 → 2: its tasks use \d+ % CPU on average, wanted are 20 %"/);
  await test.remove('auto');
});
