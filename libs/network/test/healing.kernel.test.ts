import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssignedNetwork, AssignedPeer, AssignedService, PeerProbe } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import { Machine } from './hosts.js';
import type { Lines, Namespace } from './hosts.js';

/** One thing after the other is taken away by hand: the node finds and restores it by itself, and says so. */

const red: AssignedNetwork = { id: 'red', name: 'stack_red', subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }], internal: false };
const machine = new Machine();
const near = machine.addHost(1);
const far = machine.addHost(2);
const client = machine.addClient('10.99.0.50');
const peers: AssignedPeer[] = [near, far].map(({ index, address }) => ({ nodeId: `node${index}`, index, dataPathAddress: address, address }));
const box: LocalContainer = { containerId: 'box', taskId: 'box', networks: [{ networkId: 'red', address: '10.10.0.11', aliases: [] }], hostPorts: [] };
const web: LocalContainer = { containerId: 'web', taskId: 'web', networks: [{ networkId: 'red', address: '10.10.0.12', aliases: [] }], hostPorts: [] };
const services: AssignedService[] = [
  { id: 'box', name: 'box', mode: 'dnsrr', virtualIps: [], ports: [], endpoints: [{ taskId: 'box', slot: 1, nodeId: 'node1', state: 'ready', addresses: [...box.networks] }] },
  {
    id: 'web',
    name: 'web',
    mode: 'vip',
    virtualIps: [{ networkId: 'red', address: '10.10.0.2' }],
    ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }],
    endpoints: [{ taskId: 'web', slot: 1, nodeId: 'node2', state: 'ready', addresses: [...web.networks] }],
  },
];
let boxNamespace: Namespace;
let conversation: Lines;

beforeAll(async () => {
  for (const host of [near, far]) await host.open();
  await near.apply(view(1, box));
  await far.apply(view(2, web));
  boxNamespace = await near.attach(box, [red]);
  const webNamespace = await far.attach(web, [red]);
  const server = await webNamespace.start(`require('net').createServer((c) => { c.on('error', () => {}); c.pipe(c); }).listen(8000, '0.0.0.0', () => console.log('listening'))`);
  await server.next();
  conversation = await boxNamespace.start(`const s = require('net').connect(8000, '10.10.0.2', () => process.stdin.pipe(s)); s.pipe(process.stdout)`);
  conversation.write('hello');
  expect(await conversation.next()).toBe('hello');
});

afterAll(() => machine.close());

const inMesh = (script: string) => `nsenter --net=${near.options.stateDir}/netns/mesh sh -ec '${script}'`;
const containerLink = () => / (c[0-9a-f.]+)@/.exec(near.run(inMesh('ip -o link')))![1]!;

/** What is done by hand, and what the node then names. */
const damages: [name: string, script: () => string, kind: string][] = [
  ['a route to a container elsewhere', () => inMesh('ip route del 10.10.0.12'), 'route'],
  ['a route that leads astray', () => inMesh('ip route replace 10.10.0.12 dev lo'), 'route'],
  ['the route of a subnet', () => inMesh('ip route del unreachable 10.10.0.0/24'), 'route'],
  ['the default route of the mesh', () => inMesh('ip route del default'), 'route'],
  ['the route from the host to the mesh', () => 'ip route del 169.254.77.0/30', 'route'],
  ['a neighbour', () => inMesh('ip neigh del 100.64.0.2 dev vx0'), 'neighbour'],
  ['a neighbour with another address', () => inMesh('ip neigh replace 100.64.0.2 lladdr 02:00:00:00:00:09 dev vx0 nud permanent'), 'neighbour'],
  ['the host as a neighbour of the mesh', () => inMesh('ip neigh del 169.254.77.1 dev up0'), 'neighbour'],
  ['a forwarding entry', () => inMesh('bridge fdb del 02:6d:01:00:00:02 dev vx0 dst 10.99.0.2'), 'forwarding'],
  ['a rule', () => inMesh('ip rule del pref 50'), 'rule'],
  ['a rule of a peer', () => inMesh('ip rule del pref 1002'), 'rule'],
  ['an address of the tunnel', () => inMesh('ip addr del 100.64.0.1/32 dev vx0'), 'address'],
  ['a gateway', () => inMesh('ip addr del 10.10.0.1/32 dev lo'), 'address'],
  ['the address of the host’s end', () => 'ip addr del 169.254.77.1/30 dev shoal-mesh', 'address'],
  ['an IPv6 address of the mesh’s end', () => inMesh('ip -6 addr del fd77:77::2/126 dev up0'), 'address'],
  ['the tunnel', () => inMesh('ip link del vx0'), 'link'],
  ['the tunnel is down', () => inMesh('ip link set vx0 down'), 'link'],
  ['the tunnel’s MTU', () => inMesh('ip link set vx0 mtu 1300'), 'link'],
  ['the tunnel’s MAC', () => inMesh('ip link set vx0 address 02:00:00:00:00:01'), 'link'],
  ['the link to the host', () => inMesh('ip link del up0'), 'link'],
  ['the host’s end is down', () => 'ip link set shoal-mesh down', 'link'],
  ['a container’s link', () => inMesh(`ip link del ${containerLink()}`), 'container'],
  ['a container’s link is down', () => inMesh(`ip link set ${containerLink()} down`), 'container'],
  ['the route to a container', () => inMesh('ip route del 10.10.0.11'), 'container'],
  ['the neighbour of a container', () => inMesh(`ip neigh del 10.10.0.11 dev ${containerLink()}`), 'container'],
  ['an element of the host’s set of ports', () => 'nft delete element inet shoal pub4 { tcp . 8080 }', 'firewall'],
  ['a hook of the host', () => 'nft flush chain inet shoal publish', 'firewall'],
  ['all rules of the host', () => 'nft flush ruleset', 'firewall'],
  ['all rules of the mesh', () => inMesh('nft flush ruleset'), 'firewall'],
  ['a rule that drops everything', () => inMesh('nft insert rule inet mesh forward drop'), 'firewall'],
  ['forwarding by the host', () => 'sysctl -qw net.ipv4.ip_forward=0', 'setting'],
  ['forwarding by the mesh', () => inMesh('sysctl -qw net.ipv4.ip_forward=0'), 'setting'],
  ['loopback for the mesh', () => 'echo 0 >/proc/sys/net/ipv4/conf/shoal-mesh/route_localnet', 'setting'],
];

test.each(damages)('%s is put back, counted, and an open connection goes on', { timeout: 20_000 }, async (_name, script, kind) => {
  const before = await drift();
  const stood = state();
  const beganMs = performance.now();
  expect(near.run(script())).toBe('');
  await until(async () => (await drift())[kind]! > before[kind]!);
  const tookMs = performance.now() - beganMs;
  expect(tookMs).toBeLessThan(2_000);
  await until(async () => state() === stood).catch(() => expect(state()).toBe(stood));
  conversation.write('still here');
  expect(await conversation.next()).toBe('still here');
  expect(client.run('echo hello | timeout 3 busybox nc -w 2 10.99.0.1 8080')).toBe('hello');
});

test('what the node does itself is no drift', async () => {
  const before = await drift();
  for (let round = 0; round < 5; round++) {
    const late: LocalContainer = { ...box, containerId: 'late', networks: [{ networkId: 'red', address: '10.10.0.15', aliases: [] }] };
    await near.attach(late, [red]);
    await near.apply({ ...view(1, box), containers: [box, late], services: [services[0]!] });
    await near.call('detach', 'late');
    await near.apply(view(1, box));
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // as long as a drift may take to be seen
  expect(await drift()).toEqual(before);
});

test('a node that nobody touches does not look', async () => {
  const looks = async () => (await near.call<{ looks: number }>('state')).looks;
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // the last look may have been told of itself
  const before = await looks();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(await looks()).toBe(before);
});

test('what others do in the host is no drift of ours, and leaves our rules alone', async () => {
  const before = await drift();
  const handles = () => near.run('nft -a list table inet shoal');
  const stood = handles();
  near.run('nft add table inet other; nft add chain inet other c; nft add rule inet other c drop; ip link add dummy9 type dummy; ip addr add 10.77.0.1/24 dev dummy9; ip link set dummy9 up; ip route add 10.78.0.0/24 dev dummy9');
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // as long as a drift may take to be seen
  expect(await drift()).toEqual(before);
  expect(handles()).toBe(stood);
});

test('a node tells whether the others are reached, and whether with packets of full size', async () => {
  const probe = () => near.call<PeerProbe[]>('probe');
  const counts = (probes: PeerProbe[]) => probes.map(({ nodeId, family, small, full }) => `${nodeId} by IPv${family}: ${small.received}/${small.sent} small, ${full.received}/${full.sent} full`);
  const probes = await probe();
  expect(counts(probes)).toEqual(['node2 by IPv4: 5/5 small, 5/5 full', 'node2 by IPv6: 5/5 small, 5/5 full']);
  expect(probes[0]!.small.meanMs).toBeGreaterThan(0);

  far.run('nft add table ip wire; nft add chain ip wire in "{ type filter hook prerouting priority -400; }"; nft add rule ip wire in udp dport 4789 ip length "> 1400" drop');
  expect(counts(await probe())).toEqual(['node2 by IPv4: 5/5 small, 0/5 full', 'node2 by IPv6: 5/5 small, 0/5 full']);
  far.run('nft flush chain ip wire in; nft add rule ip wire in udp dport 4789 drop');
  expect(counts(await probe())).toEqual(['node2 by IPv4: 0/5 small, 0/5 full', 'node2 by IPv6: 0/5 small, 0/5 full']);
});

function view(index: number, container: LocalContainer): NodeNetworkView {
  return { self: { nodeId: `node${index}`, index }, peers, networks: [red], services, containers: [container] };
}

function drift(): Promise<Record<string, number>> {
  return near.call<{ drift: Record<string, number> }>('state').then((found) => found.drift);
}

/** Everything that the kernel tells of the node's network, without what counts up. */
function state(): string {
  const commands = 'ip -o link | sed "/mesh\\|up0/s/ether [^ ]*//; s/^[0-9]*: //; s/@[^:]*//; s/link-netnsid.*//; s/qlen [0-9]*//" | sort; ip -4 -o addr | sed "s/^[0-9]*: //" | sort; ip route show table all | grep -v "broadcast\\|fe80" | sort; ip -6 route show table all | grep "^fd" | sort; ip rule; ip neigh | grep PERM | sed "/mesh\\|up0/s/lladdr [^ ]*//" | sort; bridge fdb | grep -v 33:33 | sort; nft list ruleset; sysctl net.ipv4.ip_forward';
  return near.run(commands) + near.run(inMesh(commands));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error('it was not put back');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
