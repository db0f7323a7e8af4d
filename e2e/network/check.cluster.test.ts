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
    await until('the drift to be counted', async () => (await metrics()).includes('shoal_network_drift{node="node-2",kind="rule"} 1'), { deadlineMs: 5_000 });
    expect((await test.cluster.shoal(['network', 'check'])).stdout).toMatch(/node-2 +\d+ +1 rule/);
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
