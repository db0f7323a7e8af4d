import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { httpGet, type ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import type { Host } from '../harness/host.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 3 });

interface ApiNode {
  ID: string;
  Description: { Hostname: string };
}

async function idOf(host: Host): Promise<string> {
  return (await test.get<ApiNode[]>('/nodes')).find(({ Description }) => Description.Hostname === host.name)!.ID;
}

/** Where a node keeps what belongs to one container. */
function foldersOf(host: Host): string[] {
  return [join(host.runDir, 'agent/containers'), join(host.stateDir, 'agent/logs')];
}

/** What power loss leaves of a host: no process, no mount, nothing that lived in memory. */
async function losePower(host: Host, tasks: ApiTask[]): Promise<void> {
  host.signal('agent', 'SIGKILL');
  await until('the agent is dead', async () => !host.isRunning('agent'));
  const shims = (await host.must(['sh', '-c', `grep -lsF '${host.stateDir}' /proc/[0-9]*/cmdline || true`])).split('\n').filter((path) => path.startsWith('/proc/'));
  for (const path of shims) {
    const pid = Number(path.split('/')[2]);
    if (existsSync(`/proc/${pid}/exe`)) process.kill(pid, 'SIGKILL');
  }
  for (const task of tasks) if (existsSync(`/proc/${task.Status.ContainerStatus!.PID}`)) process.kill(task.Status.ContainerStatus!.PID, 'SIGKILL');
  await until('its containers are dead', async () => !tasks.some((task) => existsSync(`/proc/${task.Status.ContainerStatus!.PID}`)));
  await host.must(['sh', '-c', `tac /proc/self/mounts | cut -d' ' -f2 | grep -F '${host.record.dir}/' | grep -vxF '${host.runDir}' | while read -r path; do umount -l "$path"; done; true`]);
  for (const link of (await host.must(['ip', '-br', 'link'])).split('\n').map((line) => line.split(/[ @]/)[0]!)) {
    if (link && link !== 'lo' && link !== 'eth0') await host.run(['ip', 'link', 'del', link]);
  }
  await host.must(['nft', 'flush', 'ruleset']);
  // The folder itself is where its file system in memory is mounted.
  if (host !== test.cluster.manager) for (const name of readdirSync(host.runDir)) rmSync(join(host.runDir, name), { recursive: true, force: true });
}

describe('a node that lost power', () => {
  it('starts again with its identity and images; its tasks are replaced, nothing of the old ones is left', async () => {
    await test.deploy('lab', `services: { web: { image: shoal/whoami:1, ports: ['4810:80'], volumes: ['data:/data'], deploy: { replicas: 6, restart_policy: { delay: 0s } } } }\nvolumes: { data: }`);
    const tasks = await test.untilRunning('lab_web', 6);
    const host = test.cluster.host('node-2');
    const nodeId = await idOf(host);
    await losePower(host, tasks.filter(({ NodeID }) => NodeID === nodeId));
    test.cluster.startAgent(host);
    await until('six tasks run again', async () => {
      const running = await test.untilRunning('lab_web', 6);
      return running.every((task) => existsSync(`/proc/${task.Status.ContainerStatus!.PID}`));
    }, { deadlineMs: 60_000 });
    expect(await idOf(host)).toBe(nodeId);
    const running = await test.untilRunning('lab_web', 6);
    const here = running.filter(({ NodeID }) => NodeID === nodeId);
    for (const each of test.cluster.hosts) expect((await httpGet(`http://${each.address}:4810/`)).status).toBe(200);
    await until('only the containers of now are on its disk', async () => {
      expect(readdirSync(join(host.runDir, 'agent/containers'))).toHaveLength(here.length);
      return true;
    });
    await test.remove('lab');
  });
});

describe('a service that crashes again and again', () => {
  it('keeps its history short, and leaves nothing else on its node', async () => {
    const result = await test.tryDeploy('loop', `
services:
  web:
    image: shoal/busybox:1
    command: [sh, -c, 'echo here I am; exit 7']
    deploy: { restart_policy: { delay: 0s }, placement: { constraints: [node.hostname == node-3] } }
`);
    expect(result.status).toBe(1);
    expect(result.output).toMatch(/exit code 7/);
    expect(result.output).toContain('here I am');
    expect((await test.cluster.docker(['swarm', 'update', '--task-history-limit', '1'])).status).toBe(0);
    const seen = new Set<string>();
    await until('it has crashed more often than history is long, however much longer it waits each time', async () => {
      for (const task of await test.tasks('loop_web')) seen.add(task.ID);
      return seen.size >= 6;
    }, { deadlineMs: 60_000 });
    const host = test.cluster.host('node-3');
    const limit = 1 + 3; // of history, and those that come and go now
    expect((await test.tasks('loop_web')).length).toBeLessThanOrEqual(limit);
    await until('the node remembers no more than the manager', async () => {
      for (const folder of foldersOf(host)) expect(readdirSync(folder).length, folder).toBeLessThanOrEqual(limit);
      return true;
    });
    const startedMs = performance.now();
    expect((await test.cluster.shoal(['node', 'ls'])).status).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await test.remove('loop');
    await until('nothing is left', async () => {
      for (const folder of foldersOf(host)) expect(readdirSync(folder), folder).toEqual([]);
      return true;
    });
  });
});
