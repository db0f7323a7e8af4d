import { describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { must, run } from '../harness/run.js';

const test = useCluster({ nodes: 3 });

/** GET / with what every busybox has (the wget of Debian's static build does not survive a host name). */
function fetchRoot(host: string): string[] {
  return ['sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} 80`];
}

const stack = `
services:
  web:
    image: shoal/whoami:1
    deploy: { replicas: 3, placement: { max_replicas_per_node: 1 } }
    networks: [front]
  client:
    image: shoal/busybox:1
    command: [sleep, '1000']
    networks: [front]
  stranger:
    image: shoal/busybox:1
    command: [sleep, '1000']
    networks: [other]
networks: { front: , other: }
`;

describe('the overlay', () => {
  it('resolves a service by its name and reaches its replicas on every node', async () => {
    await test.deploy('net', stack);
    const [client] = await test.untilRunning('net_client', 1);
    const { VirtualIPs } = (await test.service('net_web')).Endpoint!;
    const virtualIp = VirtualIPs![0]!.Addr.split('/')[0]!;
    expect(await must(test.inside(client!, ['nslookup', 'web']))).toContain(`Address: ${virtualIp}`);
    expect(await must(test.inside(client!, ['nslookup', 'net_web']))).toContain(`Address: ${virtualIp}`);

    const answers = new Set<string>();
    for (let request = 0; request < 40; request++) {
      const body = await must(test.inside(client!, fetchRoot('web')));
      answers.add(/net_web\.\d/.exec(body)![0]);
    }
    expect([...answers].sort()).toEqual(['net_web.1', 'net_web.2', 'net_web.3']);
  });

  it('gives the addresses of the tasks under tasks.NAME', async () => {
    const [client] = await test.untilRunning('net_client', 1);
    const addresses = (await test.untilRunning('net_web', 3)).map((task) => task.NetworksAttachments![0]!.Addresses[0]!.split('/')[0]!);
    const answer = await must(test.inside(client!, ['nslookup', 'tasks.web']));
    for (const address of addresses) {
      expect(answer).toContain(`Address: ${address}`);
      expect(await must(test.inside(client!, fetchRoot(address)))).toContain('net_web.');
    }
  });

  it('keeps a container of another network out, by name, by address and by virtual address', async () => {
    const [stranger] = await test.untilRunning('net_stranger', 1);
    const [replica] = await test.untilRunning('net_web', 3);
    const virtualIp = (await test.service('net_web')).Endpoint!.VirtualIPs![0]!.Addr.split('/')[0]!;
    const address = replica!.NetworksAttachments![0]!.Addresses[0]!.split('/')[0]!;
    expect((await run(test.inside(stranger!, ['nslookup', 'web']))).status).not.toBe(0);
    for (const target of [virtualIp, address]) {
      expect((await run(test.inside(stranger!, fetchRoot(target)))).stdout, target).toBe('');
    }
    await test.remove('net');
  });
});
