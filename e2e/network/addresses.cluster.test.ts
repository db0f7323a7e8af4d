import { expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import type { Host } from '../harness/host.js';
import { must } from '../harness/run.js';
import { until } from '../harness/wait.js';

const dataPathOf = (host: Host) => `10.222.7.${host.address.split('.')[3]}`;

/** Subnets of eight addresses out of a pool of its own, and a second address of each host for what containers say. */
const test = useCluster({
  nodes: 2,
  initArgs: ['--default-addr-pool', '10.61.0.0/22', '--default-addr-pool-mask-length', '29'],
  async prepare(host) {
    await host.must(['ip', 'addr', 'add', `${dataPathOf(host)}/24`, 'dev', 'eth0']);
    return ['--data-path-addr', dataPathOf(host)];
  },
});

const service = (node: number, replicas: number) => `{ image: 'shoal/busybox:1', command: [sh, -c, 'exec nc -ll -p 7000 -e cat'], stop_signal: SIGKILL, networks: [net], deploy: { replicas: ${replicas}, placement: { constraints: [node.hostname == node-${node}] } } }`;
const stack = (first: number) => `
services:
  first: ${service(1, first)}
  second: ${service(2, 1)}
networks: { net: }
`;

it('gives networks subnets of the size and out of the pool that were said at init, and wraps their packets in the data path addresses', async () => {
  await test.deploy('pool', stack(1));
  const [first] = await test.untilRunning('pool_first', 1);
  const [second] = await test.untilRunning('pool_second', 1);
  const [address] = second!.NetworksAttachments![0]!.Addresses;
  expect(address).toMatch(/^10\.61\.\d+\.\d+\/29$/);
  const say = ['sh', '-c', `echo hello | nc -w 3 ${address!.split('/')[0]} 7000`];
  await until('one answers the other', async () => (await must(test.inside(first!, say)).catch(() => '')) === 'hello\n');
  const [one, two] = test.cluster.hosts as [Host, Host];
  expect(await inMesh(one, ['ip', '-d', 'link', 'show', 'vx0'])).toContain(`local ${dataPathOf(one)} `);
  expect(await inMesh(one, ['bridge', 'fdb', 'show', 'dev', 'vx0'])).toContain(`dst ${dataPathOf(two)} `);
});

it('says within seconds that a network has no address left, and goes on as soon as one is free', async () => {
  // Of eight: the network's, the broadcast, the gateway, two services', and three that are left for tasks.
  await dockerScale('pool_first', 3);
  const waiting = await until('a task waits for an address', async () => (await test.tasks('pool_first')).find(({ Status }) => /no free address/.test(Status.Err ?? Status.Message ?? '')));
  expect(waiting.Status.Err ?? waiting.Status.Message).toMatch(/network pool_net has no free address: \d+ of \d+ in use.* \(10\.61\.\d+\.\d+\/29\)/);
  await dockerScale('pool_second', 0);
  await test.untilRunning('pool_first', 3);
});

it('forgets a node that is removed, on every other one', async () => {
  const [one, two] = test.cluster.hosts as [Host, Host];
  const known = async () => {
    const seen = [
      await inMesh(one, ['ip', 'neigh', 'show', 'dev', 'vx0']),
      await inMesh(one, ['bridge', 'fdb', 'show', 'dev', 'vx0']),
      await inMesh(one, ['ip', '-4', 'route', 'show', 'table', 'all', 'dev', 'vx0', 'proto', 'static']),
      await inMesh(one, ['ip', '-6', 'route', 'show', 'table', 'all', 'dev', 'vx0', 'proto', 'static']),
      (await inMesh(one, ['ip', 'rule'])).split('\n').filter((line) => /lookup 1\d{3}$/.test(line.trim())).join('\n'),
      elementsOf(await inMesh(one, ['nft', 'list', 'map', 'inet', 'mesh', 'nodemac'])),
      elementsOf(await inMesh(one, ['nft', 'list', 'map', 'inet', 'mesh', 'nodezone'])),
      (await one.must(['nft', 'list', 'set', 'inet', 'shoal', 'nodes4'])).includes(dataPathOf(two)) ? dataPathOf(two) : '',
    ];
    return seen.map((text) => text.trim());
  };
  expect((await known()).filter((text) => text === '')).toEqual([]);
  await two.stop('agent');
  const removed = await test.cluster.docker(['node', 'rm', '--force', 'node-2']);
  expect(removed, removed.stderr).toMatchObject({ status: 0 });
  await until('nothing is left of it', async () => (await known()).every((text) => text === '') || undefined);
  await test.remove('pool');
});

function inMesh(host: Host, command: string[]): Promise<string> {
  return host.must(['nsenter', `--net=${host.runDir}/agent/network/netns/mesh`, '--', ...command]);
}

function elementsOf(listed: string): string {
  return /elements = \{([^}]*)\}/.exec(listed)?.[1] ?? '';
}

async function dockerScale(name: string, replicas: number): Promise<void> {
  const scaled = await test.cluster.docker(['service', 'scale', '--detach', `${name}=${replicas}`]);
  expect(scaled, scaled.stderr).toMatchObject({ status: 0 });
}
