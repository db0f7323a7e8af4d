import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssignedNetwork, AssignedPeer, AssignedService } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import { Machine, type Host, type Namespace } from './hosts.js';

/** Two hosts and a client with both families; `web` runs on both hosts in a network of both families, `old` in one of IPv4 only. */

const both: AssignedNetwork = {
  id: 'both',
  name: 'stack_both',
  subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }, { subnet: 'fd10::/64', gateway: 'fd10::1' }],
  internal: false,
};
const plain: AssignedNetwork = { id: 'plain', name: 'stack_plain', subnets: [{ subnet: '10.20.0.0/24', gateway: '10.20.0.1' }], internal: false };

const machine = new Machine();
const hosts = [1, 2].map((index) => machine.addHost(index)) as [Host, Host];
const client = machine.addClient('10.99.0.50');
const peers: AssignedPeer[] = hosts.map(({ index, address }) => ({ nodeId: `node${index}`, index, dataPathAddress: address, address }));
const web1 = local('web1', ['10.10.0.11', 'fd10::11']);
const web2 = local('web2', ['10.10.0.12', 'fd10::12']);
const old1: LocalContainer = { containerId: 'old1', taskId: 'old1', networks: [{ networkId: 'plain', address: '10.20.0.11', aliases: [] }], hostPorts: [] };
const namespaces = new Map<string, Namespace>();

const web: AssignedService = {
  id: 'web',
  name: 'stack_web',
  mode: 'vip',
  virtualIps: [{ networkId: 'both', address: '10.10.0.2' }, { networkId: 'both', address: 'fd10::2' }],
  ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }],
  endpoints: [web1, web2].map(({ taskId, networks }, at) => ({ taskId, slot: at + 1, nodeId: `node${at + 1}`, state: 'ready' as const, addresses: [...networks] })),
};

const old: AssignedService = {
  id: 'old',
  name: 'stack_old',
  mode: 'dnsrr',
  virtualIps: [],
  ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8081 }],
  endpoints: [{ taskId: 'old1', slot: 1, nodeId: 'node1', state: 'ready', addresses: [...old1.networks] }],
};

beforeAll(async () => {
  for (const [at, namespace] of [...hosts, client].entries()) namespace.run(`ip -6 addr add fd99::${at + 1}/64 dev eth0 nodad`);
  for (const host of hosts) await host.open();
  for (const host of hosts) await host.apply(view(host.index));
  namespaces.set('web1', await hosts[0].attach(web1, [both]));
  namespaces.set('web2', await hosts[1].attach(web2, [both]));
  namespaces.set('old1', await hosts[0].attach(old1, [plain]));
  for (const name of namespaces.keys()) await serve(name);
});

afterAll(() => machine.close());

test('containers of one network talk across hosts by IPv6', () => {
  expect(ask(inContainer('web1'), 'fd10::12', 8000)).toBe('web2 saw fd10::11');
  expect(ask(inContainer('web2'), 'fd10::11', 8000)).toBe('web1 saw fd10::12');
});

test('a service has an address of each family, and its name leads to both', async () => {
  expect(distinct(30, () => ask(inContainer('web2'), 'fd10::2', 8000))).toEqual(['web1 saw fd10::12', 'web2 saw fd10::1']);
  const lookup = `const r = new (require('dns').Resolver)(); r.setServers(['127.0.0.11']); r.resolve6('stack_web', (e, a) => r.resolve4('stack_web', (f, b) => r.reverse('fd10::11', (g, c) => console.log(String(a ?? e), String(b ?? f), String(c ?? g)))));`;
  expect(await (await inContainer('web2').start(lookup)).next()).toBe('fd10::2 10.10.0.2 stack_web.1.web1.stack_both');
});

test('a published port answers on the IPv6 address of every node and shows the client', () => {
  for (const address of ['fd99::1', 'fd99::2']) expect(distinct(30, () => ask(client, address, 8080))).toEqual(['web1 saw fd99::3', 'web2 saw fd99::3']);
  expect(distinct(30, () => ask(hosts[0], 'fd99::2', 8080))).toEqual(['web1 saw fd99::1', 'web2 saw fd99::1']);
});

test('a published port of a service without IPv6 refuses there at once', () => {
  expect(ask(client, '10.99.0.1', 8081)).toBe('old1 saw 10.99.0.50');
  expect(ask(client, 'fd99::1', 8081)).toContain('ECONNREFUSED');
});

test('networks are closed to each other by IPv6, too', () => {
  expect(inContainer('old1').run('ip -6 addr show dev eth0')).toBe('');
  expect(client.run('ip -6 route add fd10::/64 via fd99::1; busybox ping -6 -c1 -W1 fd10::11 >/dev/null || echo no answer')).toBe('no answer');
});

function view(index: number): NodeNetworkView {
  const containers = index === 1 ? [web1, old1] : [web2];
  return { self: { nodeId: `node${index}`, index }, peers, networks: [both, plain], services: [web, old], containers };
}

function local(name: string, addresses: string[]): LocalContainer {
  return { containerId: name, taskId: name, networks: addresses.map((address) => ({ networkId: 'both', address, aliases: ['web'] })), hostPorts: [] };
}

function inContainer(name: string): Namespace {
  return namespaces.get(name)!;
}

/** A server on both families that says its name and whom it saw. */
async function serve(name: string): Promise<void> {
  const server = `require('net').createServer((s) => { s.on('error', () => 0); s.end('${name} saw ' + s.remoteAddress.replace('::ffff:', '')); }).listen(8000, () => console.log('up'))`;
  await (await inContainer(name).start(server)).next();
}

/** What the answering side says, or why there is none. */
function ask(from: Namespace, address: string, port: number): string {
  const script = `let t = ''; const s = require('net').connect(${port}, '${address}'); s.setTimeout(3000, () => { console.log('no answer'); s.destroy(); }); s.on('data', (d) => t += d).on('end', () => console.log(t)).on('error', (e) => console.log(e.code))`;
  return from.run(`exec ${process.execPath} -e "${script}"`);
}

function distinct(count: number, one: () => string): string[] {
  return [...new Set(Array.from({ length: count }, one))].sort();
}
