import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const example = readFileSync(resolve(import.meta.dirname, '../../deploy/examples/getting-started/docker-compose.yml'), 'utf8');
const test = useCluster({ nodes: 3 });

async function docker(...args: string[]): Promise<string> {
  const result = await test.cluster.docker(args, { deadlineMs: 60_000 });
  expect(result, `docker ${args.join(' ')}: ${result.stderr}`).toMatchObject({ status: 0 });
  return result.stdout;
}

/** Rows of a docker table as objects, by its header. */
function rows(table: string): Record<string, string>[] {
  const [header = '', ...lines] = table.split('\n').filter(Boolean);
  const columns = [...header.matchAll(/\S+(?: \S+)*/g)].map((match) => ({ name: match[0], at: match.index }));
  return lines.map((line) => Object.fromEntries(columns.map(({ name, at }, index) => [name, line.slice(at, columns[index + 1]?.at).trim()])));
}

describe('the unmodified docker CLI, through the sequence every Swarm tutorial teaches', () => {
  it('deploys the stack', async () => {
    const out = await docker('stack', 'deploy', '-c', test.file('docker-compose.yml', example), 'getstartedlab');
    expect(out.split('\n').filter(Boolean).sort()).toEqual(['Creating network getstartedlab_webnet', 'Creating service getstartedlab_web']);
    await test.untilRunning('getstartedlab_web', 5);
  });

  it('lists stacks and services', async () => {
    expect(rows(await docker('stack', 'ls'))).toMatchObject([{ NAME: 'getstartedlab', SERVICES: '1' }]); // an older docker adds a column
    const service = { NAME: 'getstartedlab_web', MODE: 'replicated', REPLICAS: '5/5', IMAGE: 'shoal/whoami:1', PORTS: '*:4000->80/tcp' };
    expect(rows(await docker('stack', 'services', 'getstartedlab'))).toEqual([{ ID: expect.stringMatching(/^[0-9a-z]{12}$/), ...service }]);
    expect(rows(await docker('service', 'ls'))).toEqual([{ ID: expect.stringMatching(/^[0-9a-z]{12}$/), ...service }]);
  });

  it('lists the tasks of a service', async () => {
    const table = rows(await docker('service', 'ps', 'getstartedlab_web'));
    expect(table.map((row) => row['NAME']).sort()).toEqual([1, 2, 3, 4, 5].map((slot) => `getstartedlab_web.${slot}`));
    for (const row of table) {
      expect(row).toMatchObject({ IMAGE: 'shoal/whoami:1', 'DESIRED STATE': 'Running', NODE: expect.stringMatching(/^node-[123]$/), 'CURRENT STATE': expect.stringMatching(/^Running /) });
    }
  });

  it('scales and waits', async () => {
    expect(await docker('service', 'scale', 'getstartedlab_web=7')).toContain('converged');
    await test.untilRunning('getstartedlab_web', 7);
  });

  it('inspects in words', async () => {
    const out = await docker('service', 'inspect', '--pretty', 'getstartedlab_web');
    expect(out).toMatch(/^Name:\s+getstartedlab_web$/m);
    expect(out).toMatch(/^ Replicas:\s+7$/m);
    expect(out).toMatch(/^\s+CPU:\s+0.1$/m);
    expect(out).toMatch(/^\s+Memory:\s+50MiB$/m);
    expect(out).toMatch(/PublishedPort = 4000/);
    expect(out).toMatch(/^Networks: getstartedlab_webnet/m);
  });

  it('shows the logs of every replica', async () => {
    const out = await until('every replica has logged', async () => {
      const text = await docker('service', 'logs', 'getstartedlab_web');
      return new Set(text.match(/getstartedlab_web\.\d+\.[0-9a-z]+@node-\d/g)).size === 7 && text;
    });
    expect(out).toMatch(/^getstartedlab_web\.\d+\.[0-9a-z]{12,25}@node-\d +\| /m);
  });

  it('lists nodes and describes the cluster', async () => {
    const nodes = rows(await docker('node', 'ls'));
    expect(nodes.map((row) => row['HOSTNAME'])).toEqual(['node-1', 'node-2', 'node-3']);
    expect(nodes[0]).toMatchObject({ STATUS: 'Ready', AVAILABILITY: 'Active', 'MANAGER STATUS': 'Leader' });
    expect(nodes[1]).toMatchObject({ STATUS: 'Ready', AVAILABILITY: 'Active', 'MANAGER STATUS': '' });
    const info = await docker('info');
    expect(info).toMatch(/Swarm: active/);
    expect(info).toMatch(/Nodes: 3/);
    expect(info).toMatch(/Managers: 1/);
  });

  it('drains a node and brings it back', async () => {
    await docker('node', 'update', '--availability', 'drain', 'node-3');
    const drained = (await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes')).find(({ Description }) => Description.Hostname === 'node-3')!.ID;
    const tasks = await until('node-3 is empty', async () => {
      const running = await test.running('getstartedlab_web');
      return running.length === 7 && running.every(({ NodeID }) => NodeID !== drained) && running;
    });
    expect(tasks).toHaveLength(7);
    await docker('node', 'update', '--availability', 'active', 'node-3');
  });

  it('updates the image, task by task', async () => {
    const before = (await test.untilRunning('getstartedlab_web', 7)).map(({ ID }) => ID);
    await docker('service', 'update', '--image', 'shoal/whoami:2', '--no-resolve-image', '--update-delay', '0s', '--update-monitor', '100ms', '--update-parallelism', '3', 'getstartedlab_web');
    const after = await test.untilRunning('getstartedlab_web', 7);
    expect(after.filter(({ ID }) => before.includes(ID))).toEqual([]);
    expect(await docker('service', 'ls')).toContain('shoal/whoami:2');
  });

  it('removes the stack', async () => {
    const out = await docker('stack', 'rm', 'getstartedlab');
    expect(out).toContain('Removing service getstartedlab_web');
    expect(out).toContain('Removing network getstartedlab_webnet');
    await until('nothing is left', async () => (await test.get<unknown[]>('/tasks')).length === 0);
    expect(rows(await docker('stack', 'ls'))).toEqual([]);
  });
});
