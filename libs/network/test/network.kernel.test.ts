import { createRequire } from 'node:module';
import { streamEncode } from 'dns-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Machine } from './hosts.js';
import type { Host, Namespace } from './hosts.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import type { AssignedEndpoint, AssignedNetwork, AssignedPeer, AssignedService, PortConfig } from '../../model/src/index.js';

/** Three hosts: `web` runs on the first two, the third runs no task of it. */

const red: AssignedNetwork = { id: 'red', name: 'stack_red', subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }], internal: false };
const blue: AssignedNetwork = { id: 'blue', name: 'stack_blue', subnets: [{ subnet: '10.20.0.0/24', gateway: '10.20.0.1' }], internal: true };

const machine = new Machine();
const hosts = [1, 2, 3].map((index) => machine.addHost(index)) as [Host, Host, Host];
const client = machine.addClient('10.99.0.50');
const peers: AssignedPeer[] = hosts.map(({ index, address }) => ({ nodeId: `node${index}`, index, dataPathAddress: address, address }));

const containers = new Map<string, { host: number; container: LocalContainer }>([
  ['web1', local(1, 'web1', [['red', '10.10.0.11', ['web']]], [{ targetPort: 8000, publishedPort: 9090 }])],
  ['web2', local(2, 'web2', [['red', '10.10.0.12', ['web']]])],
  ['box3', local(3, 'box3', [['red', '10.10.0.13', []]])],
  ['dual1', local(1, 'dual1', [['red', '10.10.0.14', []], ['blue', '10.20.0.14', []]])],
  ['far3', local(3, 'far3', [['blue', '10.20.0.13', []]])],
  ['bare3', local(3, 'bare3', [])],
]);
const namespaces = new Map<string, Namespace>();
let before: string[];

beforeAll(async () => {
  for (const rule of ['-P FORWARD DROP', '-A FORWARD -i docker0 -j ACCEPT']) hosts[1].run(`iptables ${rule}`); // as Docker leaves a host
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

test('a service address reaches every replica, and a name leads to it', async () => {
  expect(distinct(30, () => ask('box3', '10.10.0.2', 8000))).toEqual(['web1 saw 10.10.0.13', 'web2 saw 10.10.0.13']);
  expect(await lookup('box3', 'stack_web')).toEqual(['10.10.0.2']);
  expect(await lookup('box3', 'web')).toEqual(['10.10.0.2']);
  expect(await lookup('box3', 'tasks.web')).toEqual(['10.10.0.11', '10.10.0.12']);
  expect(await lookup('box3', '2.stack_web')).toEqual(['10.10.0.12']);
  expect(await lookup('box3', 'example.com')).toBe('ESERVFAIL');
  expect(await lookup('far3', 'web')).toBe('ESERVFAIL');
});

test('names are answered over TCP too', () => {
  expect(inContainer('box3').run(`printf '${framedQuestion('web')}' | timeout 3 busybox nc 127.0.0.11 53 | od -An -tx1 | tr -d ' \n'`)).toContain('0a0a0002');
});

test('while one container sends nonsense without end, another on the same node is answered', async () => {
  const flood = await inContainer('dual1').start(`const s = require('dgram').createSocket('udp4'); const { randomBytes, randomInt } = require('crypto');
    const nonsense = Array.from({ length: 500 }, () => randomBytes(randomInt(1, 600)));
    let sent = 0; let running = true;
    const more = () => { if (!running) return console.log(sent); for (let i = 0; i < 200; i++) s.send(nonsense[sent++ % 500]); setImmediate(more); };
    process.stdin.once('data', () => (running = false));
    s.connect(53, '127.0.0.11', () => { console.log('began'); more(); });
    s.on('error', () => {});`);
  await flood.next();
  for (let round = 0; round < 5; round++) expect(await lookup('web1', 'web')).toEqual(['10.10.0.2']);
  flood.write('stop');
  expect(Number(await flood.next())).toBeGreaterThan(10_000);
  expect(await lookup('web1', 'stack_web')).toEqual(['10.10.0.2']);
});

test('a container reaches itself by its service', () => {
  expect(distinct(30, () => ask('web1', '10.10.0.2', 8000))).toEqual(['web1 saw 10.10.0.1', 'web2 saw 10.10.0.11']);
});

test('networks are closed to each other and to strangers', () => {
  expect(ask('far3', '10.10.0.13', 8000)).toContain('refused');
  expect(ask('far3', '10.10.0.2', 8000)).toContain('refused');
  expect(ask('far3', '10.10.0.11', 8000)).toContain('refused');
  expect(inContainer('box3').run('ip addr add 10.10.0.99/32 dev eth0; busybox ping -I 10.10.0.99 -c1 -W1 10.10.0.11 >/dev/null || echo no answer')).toBe('no answer');
  expect(client.run('ip route add 10.10.0.0/24 via 10.99.0.1; (echo x; sleep 0.2) | timeout 3 busybox nc 10.10.0.11 8000')).toContain('unreachable');
});

test('a container in two networks is reached in both and reaches both', async () => {
  await serve('dual1');
  expect(ask('far3', '10.20.0.14', 8000)).toBe('dual1 saw 10.20.0.13');
  expect(ask('box3', '10.10.0.14', 8000)).toBe('dual1 saw 10.10.0.13');
  expect(inContainer('dual1').run('busybox ping -c1 -W2 10.20.0.13 >/dev/null && busybox ping -c1 -W2 10.10.0.12 >/dev/null && echo both')).toBe('both');
  expect(ask('far3', '10.10.0.14', 8000)).toContain('refused');
});

test('a large answer passes every way', async () => {
  for (const [from, address, port] of [[inContainer('box3'), '10.10.0.2', 8000], [client, '10.99.0.3', 8080]] as const) {
    expect(from.run(`busybox dd if=/dev/zero bs=1000 count=1000 2>/dev/null | timeout 5 busybox nc -w 3 ${address} ${port} | busybox wc -l`)).not.toMatch(/^!|^0$/);
  }
});

test('a published port answers on every node and shows the client', () => {
  for (const host of hosts) {
    expect(distinct(30, () => askFrom(client, host.address, 8080))).toEqual(['web1 saw 10.99.0.50', 'web2 saw 10.99.0.50']);
  }
});

test('a published port answers on the node itself, from other nodes and from containers', () => {
  expect(distinct(30, () => askFrom(hosts[2], '127.0.0.1', 8080))).toEqual(['web1 saw 100.64.0.3', 'web2 saw 100.64.0.3']);
  expect(distinct(30, () => askFrom(hosts[2], '10.99.0.3', 8080))).toEqual(['web1 saw 10.99.0.3', 'web2 saw 10.99.0.3']);
  expect(distinct(30, () => askFrom(hosts[0], '10.99.0.3', 8080))).toEqual(['web1 saw 10.99.0.1', 'web2 saw 10.99.0.1']);
  expect(distinct(30, () => ask('web1', '10.99.0.1', 8080))).toEqual(['web1 saw 100.64.0.1', 'web2 saw 100.64.0.1']);
  expect(distinct(30, () => ask('box3', '10.99.0.1', 8080))).toEqual(['web1 saw 100.64.0.3', 'web2 saw 100.64.0.3']);
});

test('datagrams keep the client too, and move on when their endpoint goes', async () => {
  for (const name of ['web1', 'web2']) await (await inContainer(name).start(datagramServer(name))).next();
  const withDatagrams = (slots: [string, number][]): AssignedService => ({
    ...web(slots.map(([id, slot]) => endpoint(id, slot))),
    ports: [...web().ports, { protocol: 'udp', targetPort: 5000, publishedPort: 5300 }],
  });
  const flow = await datagrams(client, '10.99.0.3', 5300);
  expect(await flow.say()).toBe('ECONNREFUSED');

  for (const host of hosts) await host.apply(view(host.index, [withDatagrams([['web1', 1], ['web2', 2]])]));
  const chosen = (await flow.say()).slice(0, 4);
  const other = chosen === 'web1' ? 'web2' : 'web1';
  expect(await flow.say()).toBe(`${chosen} saw 10.99.0.50`);

  for (const host of hosts) await host.apply(view(host.index, [withDatagrams([[other, 2]])]));
  expect(await flow.say()).toBe(`${other} saw 10.99.0.50`);
  for (const host of hosts) await host.apply(view(host.index));
});

test('a service that comes and goes leaves the rules as they were', async () => {
  const rules = () => hosts.map((host) => host.run(`nsenter --net=${host.options.stateDir}/netns/mesh nft -s list ruleset; nft -s list ruleset`));
  const asBefore = rules();
  const extra: AssignedService = {
    ...web(),
    id: 'extra',
    name: 'stack_extra',
    virtualIps: [{ networkId: 'red', address: '10.10.0.3' }],
    ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8181 }],
  };
  for (const host of hosts) await host.apply(view(host.index, [web(), extra]));
  expect(distinct(30, () => ask('box3', '10.10.0.3', 8000))).toHaveLength(2);
  expect(distinct(30, () => askFrom(client, '10.99.0.3', 8181))).toHaveLength(2);
  for (const host of hosts) await host.apply(view(host.index));
  expect(askFrom(client, '10.99.0.3', 8181)).toContain('refused');
  expect(rules()).toEqual(asBefore);
});

test('a port of mode host answers on its node only', () => {
  expect(askFrom(client, '10.99.0.1', 9090)).toBe('web1 saw 10.99.0.50');
  expect(askFrom(client, '10.99.0.2', 9090)).toContain('refused');
  expect(askFrom(hosts[0], '127.0.0.1', 9090)).toBe('web1 saw 100.64.0.1');
  expect(ask('web1', '10.99.0.1', 9090)).toBe('web1 saw 100.64.0.1');
  expect(ask('box3', '10.99.0.1', 9090)).toBe('web1 saw 10.99.0.3');
});

test('what is not published is refused at once', () => {
  expect(askFrom(client, '10.99.0.3', 8000)).toContain('refused');
});

test('containers reach the outside from the address of their node, internal ones do not', async () => {
  const outside = await client.start(server('outside', 7000));
  await outside.next();
  expect(ask('box3', '10.99.0.50', 7000)).toBe('outside saw 10.99.0.3');
  expect(ask('far3', '10.99.0.50', 7000)).toContain('refused');
});

test('a container without networks has loopback only', () => {
  expect(inContainer('bare3').run('ip -o link | wc -l; cat /proc/sys/net/ipv4/ip_unprivileged_port_start')).toBe('1\n0');
});

test('a draining endpoint keeps its connections and gets no new ones; one that is gone resets them', async () => {
  const open = await converse(inContainer('box3'), '10.10.0.2', 8000);
  const [chosen, other] = (await open.say()).startsWith('web1') ? ['web1', 'web2'] : ['web2', 'web1'];
  const endpoints = (state?: 'draining') => [...(state ? [endpoint(chosen, 1, state)] : []), endpoint(other, 2)];

  for (const host of hosts) await host.apply(view(host.index, [web(endpoints('draining'))]));
  expect(await open.say()).toBe(`${chosen} saw 10.10.0.13`);
  expect(distinct(6, () => ask('box3', '10.10.0.2', 8000))).toEqual([`${other} saw 10.10.0.13`]);
  expect(await lookup('box3', 'tasks.web')).toEqual([inAddress(other)]);

  for (const host of hosts) await host.apply(view(host.index, [web(endpoints())]));
  expect(await open.say()).toBe('ECONNRESET');

  for (const host of hosts) await host.apply(view(host.index, [web([])]));
  expect(ask('box3', '10.10.0.2', 8000)).toContain('refused');
  expect(askFrom(client, '10.99.0.3', 8080)).toContain('refused');
  for (const host of hosts) await host.apply(view(host.index));
  expect(distinct(30, () => askFrom(client, hosts[2].address, 8080))).toEqual(['web1 saw 10.99.0.50', 'web2 saw 10.99.0.50']);
});

test('no connection is lost while endpoints come, drain and go', async () => {
  const callers = [await hammer(inContainer('box3'), '10.10.0.2', 8000), await hammer(client, '10.99.0.3', 8080)];
  const both = [endpoint('web1', 1), endpoint('web2', 2)];
  for (const leaving of [0, 1, 0, 1]) {
    const draining = both.map((one, i) => (i === leaving ? { ...one, state: 'draining' as const } : one));
    for (const host of hosts) await host.apply(view(host.index, [web(draining)]));
    for (const caller of callers) await caller.idle(); // what had begun before has ended: the endpoint is drained
    for (const host of hosts) await host.apply(view(host.index, [web(draining.filter((one) => one.state === 'ready'))]));
    for (const host of hosts) await host.apply(view(host.index));
  }
  for (const caller of callers) expect(await caller.stop()).toEqual({ failed: [] });
});

test('a new process adopts the mesh and no connection notices', async () => {
  const inner = await converse(inContainer('box3'), '10.10.0.2', 8000);
  const outer = await converse(client, '10.99.0.3', 8080);
  const said = [await inner.say(), await outer.say()];
  for (const host of hosts) await host.crash();
  const asked = lookup('box3', 'web');
  for (const host of hosts) {
    await host.open();
    await host.apply(view(host.index));
  }
  expect(await asked).toEqual(['10.10.0.2']);
  expect([await inner.say(), await outer.say()]).toEqual(said);
  expect(await lookup('box3', 'web')).toEqual(['10.10.0.2']);
  expect((await hosts[2].call<string[]>('attached')).sort()).toEqual(['bare3', 'box3', 'far3']);
});

test('what somebody else took away is put back', async () => {
  const [, , third] = hosts;
  const inMesh = (script: string) => third.run(`nsenter --net=${third.options.stateDir}/netns/mesh sh -ec '${script}'`);
  for (const damage of [
    () => third.run('ip link del shoal-mesh; nft flush ruleset'),
    () => inMesh('ip link del vx0'),
    () => inMesh('ip route del unreachable 10.10.0.0/24; ip rule del pref 50; ip route del 10.10.0.11; ip neigh flush dev vx0 nud permanent; nft flush ruleset'),
  ]) {
    expect(damage()).toBe('');
    await third.apply(view(3));
    expect(distinct(30, () => askFrom(client, third.address, 8080))).toEqual(['web1 saw 10.99.0.50', 'web2 saw 10.99.0.50']);
    expect(distinct(30, () => ask('box3', '10.10.0.2', 8000))).toEqual(['web1 saw 10.10.0.13', 'web2 saw 10.10.0.13']);
  }
});

test('one client port through two nodes to one endpoint is two connections', async () => {
  for (const host of hosts) await host.apply(view(host.index, [web([endpoint('web1', 1)])]));
  const connections = [];
  for (const host of hosts) connections.push(await converse(client, host.address, 8080, 40123));
  for (const connection of connections) expect(await connection.say()).toBe('web1 saw 10.99.0.50');
  for (const host of hosts) await host.apply(view(host.index));
});

test('a process that ends at any of fifty moments leaves open connections open, and nothing that the next one cannot use', { timeout: 60_000 }, async () => {
  const [, second] = hosts;
  await second.apply(view(2));
  const links = () => second.run(`nsenter --net=${second.options.stateDir}/netns/mesh ip -o link | wc -l; ls ${second.options.stateDir}/netns`);
  const stood = links();
  const open = [await converse(inContainer('web2'), '10.10.0.11', 8000), await converse(client, second.address, 8080)];
  const said = await Promise.all(open.map((one) => one.say()));
  const extra: AssignedService = { ...web(), id: 'extra', name: 'stack_extra', virtualIps: [{ networkId: 'red', address: '10.10.0.3' }], ports: [] };
  const { container } = local(2, 'late2', [['red', '10.10.0.15', []]]);
  for (let round = 0; round < 50; round++) {
    const calls = [second.call('detach', 'late2'), second.call('attach', { container, networks: [red] }), second.apply(view(2, round % 2 ? [web(), extra] : [web()]))];
    const settled = Promise.allSettled(calls);
    await Promise.all(calls.slice(0, round % 3)); // before, between and in the last of the calls
    await new Promise((resolve) => setTimeout(resolve, (round % 5) * 2));
    await second.crash();
    await settled;
    await second.open();
    await second.apply(view(2));
    const late = await second.attach(container, [red]);
    expect(await eventually(() => late.run('busybox ping -c1 -W2 10.10.0.12 >/dev/null && echo reached'), 'reached')).toBe('reached');
  }
  expect(await Promise.all(open.map((one) => one.say()))).toEqual(said);
  await second.call('detach', 'late2');
  expect(await eventually(links, stood)).toBe(stood);
  expect(distinct(30, () => ask('box3', '10.10.0.2', 8000))).toEqual(['web1 saw 10.10.0.13', 'web2 saw 10.10.0.13']);
});

test('other names are asked of the configured nameserver only', async () => {
  const upstream = await client.start(nameserver('192.0.2.80'));
  await upstream.next();
  await hosts[2].crash();
  await hosts[2].open({ upstreamDns: ['10.99.0.77', '10.99.0.50'] }); // nobody has the first
  await hosts[2].apply(view(3));
  expect(await lookup('box3', 'example.com')).toEqual(['192.0.2.80']);
  expect(await lookup('box3', 'web')).toEqual(['10.10.0.2']);

  // A container may name its own.
  await hosts[2].crash();
  await hosts[2].open({ upstreamDns: [] });
  const plain = view(3);
  await hosts[2].apply({ ...plain, containers: plain.containers.map((container) => ({ ...container, nameservers: ['10.99.0.50'] })) });
  expect(await lookup('box3', 'example.com')).toEqual(['192.0.2.80']);
});

test('a container that was detached can be attached again', async () => {
  const { container } = containers.get('box3')!;
  await hosts[2].call('detach', 'box3');
  await hosts[2].call('detach', 'box3');
  namespaces.set('box3', await hosts[2].attach(container, [red]));
  expect(ask('box3', '10.10.0.11', 8000)).toBe('web1 saw 10.10.0.13');
});

test('destroy leaves nothing', async () => {
  for (const host of hosts) await host.call('destroy');
  expect(hosts.map(footprint)).toEqual(before);
  expect(hosts.map((host) => host.run(`ls -A ${host.options.stateDir}`))).toEqual(['', '', '']);
});

function local(host: number, id: string, networks: [string, string, string[]][], hostPorts: PortConfig[] = []) {
  return {
    host,
    container: { containerId: id, taskId: id, networks: networks.map(([networkId, address, aliases]) => ({ networkId, address, aliases })), hostPorts },
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

/** The others, so that every node knows where they are. */
function boxes(): AssignedService {
  const endpoints = ['box3', 'far3', 'dual1'].map((id, i) => endpoint(id, i + 1));
  return { id: 'boxes', name: 'stack_boxes', mode: 'dnsrr', virtualIps: [], ports: [], endpoints };
}

function view(index: number, own: AssignedService[] = [web()]): NodeNetworkView {
  const services = [...own, boxes()];
  const here = [...containers.values()].filter(({ host }) => host === index).map(({ container }) => container);
  const networks = [red, blue].filter((network) => here.some((container) => container.networks.some(({ networkId }) => networkId === network.id)));
  return { self: { nodeId: `node${index}`, index }, peers, networks, services, containers: here };
}

function inContainer(name: string): Namespace {
  return namespaces.get(name)!;
}

async function serve(name: string): Promise<void> {
  await (await inContainer(name).start(server(name, 8000))).next();
}

/** A program that answers each line with its own name and who asked. */
function server(name: string, port: number): string {
  return `require('net').createServer((c) => {
    const from = c.remoteAddress;
    c.on('error', () => {});
    c.on('data', () => c.write('${name} saw ' + from + '\\n'));
  }).listen(${port}, '0.0.0.0', () => console.log('listening'))`;
}

/** A connection that stays open; each `say` is one line there and back, or the error's code. */
async function converse(from: Namespace, address: string, port: number, localPort = 0): Promise<{ say(): Promise<string> }> {
  const lines = await from.start(`const s = require('net').connect({ port: ${port}, host: '${address}', localPort: ${localPort} });
    process.stdin.on('data', (d) => s.write(d));
    s.on('data', (d) => process.stdout.write(d));
    s.on('error', (e) => console.log(e.code));`);
  return {
    say() {
      lines.write('hello');
      return lines.next();
    },
  };
}

/** Connects, asks and closes, over and over. */
async function hammer(from: Namespace, address: string, port: number): Promise<{ idle(): Promise<void>; stop(): Promise<unknown> }> {
  const lines = await from.start(`const failed = []; let running = true; const waiting = [];
    const once = () => new Promise((done) => {
      const s = require('net').connect(${port}, '${address}', () => s.write('hello'));
      s.on('data', () => s.destroy());
      s.on('error', (e) => failed.push(e.code));
      s.on('close', done);
    });
    process.stdin.on('data', (d) => String(d).trim() === 'stop' ? running = false : waiting.push(1));
    (async () => {
      console.log('started');
      while (running) { const asked = waiting.splice(0); await once(); for (const _ of asked) console.log('idle'); }
      console.log(JSON.stringify({ failed }));
    })();`);
  await lines.next();
  return {
    async idle() {
      lines.write('idle');
      await lines.next();
    },
    async stop() {
      lines.write('stop');
      return JSON.parse(await lines.next()) as unknown;
    },
  };
}

function datagramServer(name: string): string {
  return `const s = require('dgram').createSocket('udp4');
    s.on('message', (m, from) => s.send('${name} saw ' + from.address + '\\n', from.port, from.address));
    s.bind(5000, () => console.log('listening'));`;
}

/** Datagrams from one port, as `converse`. */
async function datagrams(from: Namespace, address: string, port: number): Promise<{ say(): Promise<string> }> {
  const lines = await from.start(`const s = require('dgram').createSocket('udp4');
    s.on('message', (d) => process.stdout.write(d));
    s.on('error', (e) => console.log(e.code));
    s.connect(${port}, '${address}', () => process.stdin.on('data', (d) => s.send(d)));`);
  return {
    say() {
      lines.write('hello');
      return lines.next();
    },
  };
}

/** A nameserver with one answer to everything. */
function nameserver(address: string): string {
  const packets = JSON.stringify(createRequire(import.meta.url).resolve('dns-packet'));
  return `const { decode, encode } = require(${packets});
    const s = require('dgram').createSocket('udp4');
    s.on('message', (m, from) => {
      const { id, questions } = decode(m);
      s.send(encode({ type: 'response', id, questions, answers: [{ type: 'A', name: questions[0].name, data: '${address}' }] }), from.port, from.address);
    });
    s.bind(53, () => console.log('listening'));`;
}

/** Addresses in order, or the error's code. */
async function lookup(name: string, host: string): Promise<string[] | string> {
  const lines = await inContainer(name).start(`const r = new (require('dns').promises.Resolver)({ timeout: 1000, tries: 4 });
    r.setServers(['127.0.0.11']);
    r.resolve4('${host}').then((a) => console.log(JSON.stringify(a.sort())), (e) => console.log(JSON.stringify(e.code)));`);
  return JSON.parse(await lines.next());
}

/** Namespaces give back their links some time after they are gone. */
async function eventually(read: () => string, wanted: string): Promise<string> {
  for (let tries = 0; tries < 1000 && read() !== wanted; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  return read();
}

function framedQuestion(name: string): string {
  const question = streamEncode({ type: 'query', id: 1, questions: [{ type: 'A', name }] });
  return [...question].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

function distinct(times: number, job: () => string): string[] {
  return [...new Set(Array.from({ length: times }, job))].sort();
}

function inAddress(name: string): string {
  return containers.get(name)!.container.networks[0]!.address;
}

function ask(name: string, address: string, port: number): string {
  return askFrom(inContainer(name), address, port);
}

function askFrom(from: Namespace, address: string, port: number): string {
  return from.run(`echo hello | timeout 3 busybox nc -w 2 ${address} ${port}`);
}

function footprint(host: Host): string {
  return host.run('ip -o link | cut -d: -f2 | sort; nft list tables; iptables -S FORWARD; ip rule; ip route show table all | grep -v "local\\|broadcast"; grep network-test- /proc/mounts; true');
}
