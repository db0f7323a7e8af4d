import { afterAll, beforeAll, expect, test } from 'vitest';
import { Machine } from './hosts.js';
import type { Host, Namespace } from './hosts.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import type { AssignedEndpoint, AssignedNetwork, AssignedPeer, AssignedService } from '../../model/src/index.js';

/** Three hosts: `web` runs on the first two, the third runs no task of it. */

const red: AssignedNetwork = { id: 'red', name: 'stack_red', subnet: '10.10.0.0/24', gateway: '10.10.0.1', internal: false };
const blue: AssignedNetwork = { id: 'blue', name: 'stack_blue', subnet: '10.20.0.0/24', gateway: '10.20.0.1', internal: true };

const machine = new Machine();
const hosts = [1, 2, 3].map((index) => machine.addHost(index)) as [Host, Host, Host];
const client = machine.addClient('10.99.0.50');
const peers: AssignedPeer[] = hosts.map(({ index, address }) => ({ nodeId: `node${index}`, index, dataPathAddress: address, address }));

const containers = new Map<string, { host: number; container: LocalContainer }>([
  ['web1', local(1, 'web1', [['red', '10.10.0.11', ['web']]])],
  ['web2', local(2, 'web2', [['red', '10.10.0.12', ['web']]])],
  ['box3', local(3, 'box3', [['red', '10.10.0.13', []]])],
  ['far3', local(3, 'far3', [['blue', '10.20.0.13', []]])],
  ['bare3', local(3, 'bare3', [])],
]);
const namespaces = new Map<string, Namespace>();
let before: string[];

beforeAll(async () => {
  before = hosts.map(footprint);
  for (const host of hosts) await host.open();
  for (const host of hosts) await host.apply(view(host.index));
  for (const { host, container } of containers.values()) namespaces.set(container.containerId, await hosts[host - 1]!.attach(container, [red, blue]));
  for (const name of ['web1', 'web2']) await serve(name);
});

afterAll(() => machine.close());

test('containers of one network talk across hosts by address', () => {
  expect(inContainer('box3').run('busybox ping -c1 -W2 10.10.0.11 >/dev/null && echo reached')).toBe('reached');
  expect(ask('box3', '10.10.0.11', 8000)).toBe('web1 saw 10.10.0.13');
  expect(ask('web1', '10.10.0.12', 8000)).toBe('web2 saw 10.10.0.11');
});

function local(host: number, id: string, networks: [string, string, string[]][]) {
  return {
    host,
    container: { containerId: id, taskId: id, networks: networks.map(([networkId, address, aliases]) => ({ networkId, address, aliases })), hostPorts: [] },
  };
}

function endpoint(id: string, slot: number, state: 'ready' | 'draining' = 'ready'): AssignedEndpoint {
  const { host, container } = containers.get(id)!;
  return { taskId: id, slot, nodeId: `node${host}`, state, addresses: [...container.networks] };
}

function web(endpoints = [endpoint('web1', 1), endpoint('web2', 2)]): AssignedService {
  return {
    id: 'web',
    name: 'stack_web',
    mode: 'vip',
    virtualIps: [{ networkId: 'red', address: '10.10.0.2' }],
    ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }],
    endpoints,
  };
}

function view(index: number, services: AssignedService[] = [web()]): NodeNetworkView {
  const here = [...containers.values()].filter(({ host }) => host === index).map(({ container }) => container);
  const networks = [red, blue].filter((network) => here.some((container) => container.networks.some(({ networkId }) => networkId === network.id)));
  return { self: { nodeId: `node${index}`, index }, peers, networks, services, containers: here };
}

function inContainer(name: string): Namespace {
  return namespaces.get(name)!;
}

/** Answers each line with its own name and who asked. */
function serve(name: string) {
  return inContainer(name)
    .start(`require('net').createServer((c) => { const from = c.remoteAddress; c.on('error', () => {}); c.on('data', () => c.write('${name} saw ' + from + '\\n')); }).listen(8000, '0.0.0.0', () => console.log('listening'))`)
    .then((lines) => lines.next());
}

function ask(name: string, address: string, port: number): string {
  return askFrom(inContainer(name), address, port);
}

function askFrom(from: Namespace, address: string, port: number): string {
  return from.run(`(echo hello; sleep 0.2) | timeout 3 busybox nc ${address} ${port}`);
}

function footprint(host: Host): string {
  return host.run('ip -o link | cut -d: -f2 | sort; nft list tables; ip rule; ip route show table all | grep -v "local\\|broadcast"; grep netns /proc/mounts; ls /run/netns 2>/dev/null; true');
}
