import { describe, expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 3 });

interface ApiNode {
  ID: string;
  Description: { Hostname: string; Resources: { MemoryBytes: number } };
}

async function docker(...args: string[]): Promise<string> {
  const result = await test.cluster.docker(args, { deadlineMs: 60_000 });
  expect(result, `docker ${args.join(' ')}: ${result.stderr}`).toMatchObject({ status: 0 });
  return result.stdout;
}

/** How many of the tasks run on each node, by the nodes' names. */
async function perNode(tasks: ApiTask[]): Promise<Record<string, number>> {
  const names = new Map((await test.get<ApiNode[]>('/nodes')).map(({ ID, Description }) => [ID, Description.Hostname]));
  const counts: Record<string, number> = {};
  for (const { NodeID } of tasks) counts[names.get(NodeID)!] = (counts[names.get(NodeID)!] ?? 0) + 1;
  return counts;
}

const sleeper = `image: shoal/busybox:1
    command: [sleep, '1000']
    stop_grace_period: 100ms`;

async function pending(service: string): Promise<ApiTask[]> {
  return (await test.tasks(service)).filter(({ Status, DesiredState }) => Status.State === 'pending' && DesiredState === 'running');
}

describe('a global service', () => {
  it('has one task on every node that is active, and follows drain and return', async () => {
    await test.deploy('glob', `services:\n  agent:\n    ${sleeper}\n    deploy: { mode: global }`);
    expect(await perNode(await test.untilRunning('glob_agent', 3))).toEqual({ 'node-1': 1, 'node-2': 1, 'node-3': 1 });
    await docker('node', 'update', '--availability', 'drain', 'node-3');
    expect(await perNode(await test.untilRunning('glob_agent', 2))).toEqual({ 'node-1': 1, 'node-2': 1 });
    await docker('node', 'update', '--availability', 'active', 'node-3');
    expect(await perNode(await test.untilRunning('glob_agent', 3))).toEqual({ 'node-1': 1, 'node-2': 1, 'node-3': 1 });
    expect(await docker('service', 'ls', '--format', '{{.Mode}} {{.Replicas}}')).toBe('global 3/3\n');
    await test.remove('glob');
  });

  it('obeys constraints', async () => {
    await test.deploy('glob', `services:\n  agent:\n    ${sleeper}\n    deploy: { mode: global, placement: { constraints: ['node.role == worker'] } }`);
    expect(await perNode(await test.untilRunning('glob_agent', 2))).toEqual({ 'node-2': 1, 'node-3': 1 });
    await test.remove('glob');
  });
});

describe('constraints', () => {
  it('by label: a task waits and says why, runs where a node gets the label, and leaves when the node loses it', async () => {
    const result = await test.tryDeploy('lab', `services:\n  db:\n    ${sleeper}\n    deploy: { placement: { constraints: ['node.labels.disk == ssd'] } }`, '--timeout', '3s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/scheduling constraints not satisfied on 3 nodes/);
    await docker('node', 'update', '--label-add', 'disk=ssd', 'node-2');
    expect(await perNode(await test.untilRunning('lab_db', 1))).toEqual({ 'node-2': 1 });
    await docker('node', 'update', '--label-add', 'disk=ssd', 'node-3');
    await docker('node', 'update', '--label-rm', 'disk', 'node-2');
    expect(await perNode(await until('it has moved', async () => {
      const tasks = await test.untilRunning('lab_db', 1);
      return (await perNode(tasks))['node-3'] === 1 && tasks;
    }))).toEqual({ 'node-3': 1 });
    await docker('node', 'update', '--label-rm', 'disk', 'node-3');
    await test.remove('lab');
  });

  it('by name and role, with != too', async () => {
    await test.deploy('con', `
services:
  here:
    ${sleeper}
    deploy: { replicas: 3, placement: { constraints: [node.hostname == node-3] } }
  elsewhere:
    ${sleeper}
    deploy: { replicas: 4, placement: { constraints: [node.role != manager, node.hostname != node-3] } }
`);
    expect(await perNode(await test.untilRunning('con_here', 3))).toEqual({ 'node-3': 3 });
    expect(await perNode(await test.untilRunning('con_elsewhere', 4))).toEqual({ 'node-2': 4 });
    await test.remove('con');
  });
});

describe('limits per node', () => {
  it('max_replicas_per_node leaves the surplus pending, with the reason', async () => {
    const result = await test.tryDeploy('max', `services:\n  web:\n    ${sleeper}\n    deploy: { replicas: 4, placement: { max_replicas_per_node: 1 } }`, '--timeout', '4s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/max replicas per node limit exceed/);
    expect(await perNode(await test.running('max_web'))).toEqual({ 'node-1': 1, 'node-2': 1, 'node-3': 1 });
    expect(await pending('max_web')).toHaveLength(1);
    await test.remove('max');
  });

  it('a port in host mode is one per node; what finds no node says so, and starts when one becomes free', async () => {
    const compose = (replicas: number) => `
services:
  web:
    image: shoal/whoami:1
    ports: [{ target: 80, published: 4500, mode: host }]
    deploy: { replicas: ${replicas} }
`;
    const result = await test.tryDeploy('host', compose(4), '--timeout', '4s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/host-mode port already in use on 3 nodes/);
    const running = await test.running('host_web');
    expect(await perNode(running)).toEqual({ 'node-1': 1, 'node-2': 1, 'node-3': 1 });
    for (const host of test.cluster.hosts) expect((await httpGet(`http://${host.address}:4500/`)).body).toContain(`Node: ${host.name}\n`);
    await test.deploy('host', compose(2));
    await test.untilRunning('host_web', 2);
    await test.remove('host');
  });
});

describe('reservations', () => {
  it('are kept; a task that does not fit starts within a second when capacity comes', async () => {
    const nodes = await test.get<ApiNode[]>('/nodes');
    const twoThirds = Math.floor((nodes[0]!.Description.Resources.MemoryBytes * 2) / 3);
    const service = (name: string, replicas: number) => `
  ${name}:
    ${sleeper}
    deploy: { replicas: ${replicas}, resources: { reservations: { memory: '${twoThirds}' } } }`;
    await test.deploy('full', `services:${service('a', 3)}`);
    expect(await perNode(await test.untilRunning('full_a', 3))).toEqual({ 'node-1': 1, 'node-2': 1, 'node-3': 1 });
    const result = await test.tryDeploy('more', `services:${service('b', 1)}`, '--timeout', '2s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/insufficient resources on 3 nodes/);

    await test.cluster.docker(['service', 'scale', '-d', 'full_a=2']);
    await until('the container of the surplus has ended', async () => (await test.running('full_a')).length === 2);
    const freedMs = performance.now();
    await until('the task that waited runs', async () => (await test.running('more_b')).length === 1, { deadlineMs: 10_000, everyMs: 20 });
    expect(performance.now() - freedMs).toBeLessThan(3_000); // a second, and room for a busy machine
    await test.remove('more');
    await test.remove('full');
  });
});

describe('spread preferences', () => {
  it('weigh the values of a label alike, whatever the number of their nodes', async () => {
    await docker('node', 'update', '--label-add', 'zone=a', 'node-1');
    await docker('node', 'update', '--label-add', 'zone=b', 'node-2');
    await docker('node', 'update', '--label-add', 'zone=b', 'node-3');
    await test.deploy('zones', `services:\n  web:\n    ${sleeper}\n    deploy: { replicas: 8, placement: { preferences: [spread: node.labels.zone] } }`);
    expect(await perNode(await test.untilRunning('zones_web', 8))).toEqual({ 'node-1': 4, 'node-2': 2, 'node-3': 2 });
    await test.remove('zones');
  });
});
