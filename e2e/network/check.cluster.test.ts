import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { httpGet } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must, run } from '../harness/run.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 3 });

interface Check {
  pairs: { from: string; to: string; reachable: boolean; fullSize: boolean }[];
  problems: string[];
}

async function check(): Promise<{ status: number; found: Check; errors: string }> {
  const { status, stdout, stderr } = await test.cluster.shoal(['network', 'check', '--json'], { deadlineMs: 30_000 });
  return { status, found: JSON.parse(stdout) as Check, errors: stderr };
}

describe('shoal network check', () => {
  it('shows that every node reaches every other with packets of full size', async () => {
    // A node that has just joined is made known to the others in the next moments.
    await until('every node to know the others', async () => (await check()).found.pairs.length === 12 && (await check()).status === 0, { deadlineMs: 30_000 });
    const { found } = await check();
    expect(found.problems).toEqual([]);
    expect(found.pairs).toHaveLength(12);
    expect(found.pairs.every(({ reachable, fullSize }) => reachable && fullSize)).toBe(true);
    expect((await test.cluster.shoal(['network', 'check'])).stdout).toMatch(/^FROM +TO +FAMILY +REACHED +FULL SIZE +LATENCY +LOSS\nnode-/);
  });

  it('names the node whose packets are too long for its link, and the node that blocks the tunnel', async () => {
    const host = test.cluster.host('node-3');
    await host.must(['sh', '-ec', 'nft add table ip wire; nft add chain ip wire in "{ type filter hook prerouting priority -400; }"; nft add rule ip wire in udp dport 4789 ip length "> 1400" drop']);
    expect(await check()).toMatchObject({ status: 1, found: { problems: [expect.stringMatching(/^node-3 exchanges small packets, but none of \d+ bytes/)] } });
    await host.must(['sh', '-ec', 'nft flush chain ip wire in; nft add rule ip wire in udp dport 4789 drop']);
    expect(await check()).toMatchObject({ status: 1, found: { problems: [expect.stringMatching(/^node-3 exchanges no packets with any other node: allow UDP port 4789/)] } });
    await host.must(['nft', 'delete', 'table', 'ip', 'wire']);
    expect(await check()).toMatchObject({ status: 0 });
  });

  it('and the metrics tell what a node had to repair', async () => {
    await test.deploy('drift', 'services: { box: { image: shoal/busybox:1, command: [sleep, "1000"], deploy: { mode: global } } }');
    const host = test.cluster.host('node-2');
    await host.must(['sh', '-ec', `nsenter --net=${host.runDir}/agent/network/netns/mesh ip rule del pref 50`]);
    await until('the drift to be counted', async () => (await metrics()).includes('shoal_network_drift{node="node-2",kind="rule"} 1'));
    expect((await test.cluster.shoal(['network', 'check'])).stdout).toMatch(/node-2 +\d+ +1 rule/);
    const events = await until('the drift to be told as an event', async () => {
      const { stdout } = await test.cluster.docker(['events', '--since', '5m', '--until', '0s', '--filter', 'type=node', '--format', '{{json .Actor.Attributes}}']);
      return stdout.includes('networkdrift.new') && stdout;
    });
    expect(events).toMatch(/"name":"node-2","networkdrift\.new":"1","networkdrift\.old":"0","repaired\.new":"rule: /);
  });

  it('a process that holds a published port is named with its node, until it ends', async () => {
    const host = test.cluster.host('node-3');
    const holder = spawn('nsenter', ['-t', String(host.record.holder.pid), '-n', '--', process.execPath, '-e', "require('net').createServer().listen(8123, '0.0.0.0', () => console.log('listening'))"], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await test.deploy('ports', "services: { web: { image: shoal/whoami:1, ports: ['8123:80'] } }");
    const messageOf = async (node: string) => (await must(['docker', 'node', 'inspect', node, '--format', '{{.Status.Message}}'], { env: { DOCKER_HOST: `unix://${test.cluster.manager.socketPath}` } })).trim();
    const message = await until('the process to be named', async () => (await messageOf('node-3')) || undefined);
    expect(message).toMatch(/^published ports that a process of the node holds do not answer there: 8123\/tcp by node \(pid \d+\)$/);
    expect(await messageOf('node-2')).toBe('');
    holder.kill('SIGKILL');
    await test.remove('ports');
    await until('nothing to be said of the node', async () => (await messageOf('node-3')) === '' || undefined);
  });
});

async function metrics(): Promise<string> {
  return (await must(['curl', '-s', '--unix-socket', test.cluster.manager.socketPath, 'http://manager/metrics'])).trim();
}

describe('a node that was cut off', () => {
  it('knows the healthy tasks by name within five seconds after its return', async () => {
    await test.deploy('cut', `
services:
  web: { image: shoal/whoami:1, deploy: { replicas: 4 }, networks: [front] }
  client: { image: shoal/busybox:1, command: [sleep, '1000'], deploy: { mode: global }, networks: [front] }
networks: { front: }
`);
    const host = test.cluster.host('node-3');
    await test.cluster.cutLink(host);
    await new Promise((resolve) => setTimeout(resolve, 30_000)); // as long as the node is to be away
    await test.cluster.mendLink(host);
    await until('every node to know the same tasks', async () => {
      const clients = await test.untilRunning('cut_client', 3);
      const expected = (await test.untilRunning('cut_web', 4)).map((task) => task.NetworksAttachments![0]!.Addresses[0]!.split('/')[0]!).sort();
      const answers = await Promise.all(clients.map(async (client) => {
        const { stdout } = await run(test.inside(client, ['nslookup', 'tasks.web']));
        return [...stdout.matchAll(/Address: (\S+)$/gm)].map(([, address]) => address!).sort().join();
      }));
      return answers.every((answer) => answer === expected.join());
    }, { deadlineMs: 5_000, everyMs: 200 });
  });
});
