import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssignedNetwork, AssignedPeer, AssignedService, EncryptionKey } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import { Machine, type Host, type Namespace } from './hosts.js';

/**
 * Three hosts and a client. `vault` runs on hosts 1 and 2 in an encrypted network of both families and publishes a port; `plain` is a
 * container of another network on each. What is on the wire between the hosts is captured and searched for what was said.
 */

const sealed: AssignedNetwork = {
  id: 'sealed',
  name: 'stack_sealed',
  subnets: [{ subnet: '10.30.0.0/24', gateway: '10.30.0.1' }, { subnet: 'fd30::/64', gateway: 'fd30::1' }],
  internal: false,
  encrypted: true,
};
const open: AssignedNetwork = { id: 'open', name: 'stack_open', subnets: [{ subnet: '10.40.0.0/24', gateway: '10.40.0.1' }], internal: false };

const machine = new Machine();
const hosts = [1, 2, 3].map((index) => machine.addHost(index)) as [Host, Host, Host];
const client = machine.addClient('10.99.0.50');
const vaults = [1, 2].map((node) => local(`vault${node}`, 'sealed', [`10.30.0.1${node}`, `fd30::1${node}`]));
const plains = [1, 2, 3].map((node) => local(`plain${node}`, 'open', [`10.40.0.1${node}`]));
const namespaces = new Map<string, Namespace>();
const keys = new Map<number, EncryptionKey[]>();
let hasVaults = true;

const vault: AssignedService = {
  id: 'vault',
  name: 'stack_vault',
  mode: 'vip',
  virtualIps: [{ networkId: 'sealed', address: '10.30.0.2' }, { networkId: 'sealed', address: 'fd30::2' }],
  ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }],
  endpoints: vaults.map(({ taskId, networks }, at) => ({
    taskId,
    slot: at + 1,
    nodeId: `node${at + 1}`,
    state: 'ready' as const,
    addresses: networks.map((one) => ({ ...one, encrypted: true as const })),
  })),
};
const plain: AssignedService = {
  id: 'plain',
  name: 'stack_plain',
  mode: 'dnsrr',
  virtualIps: [],
  ports: [],
  endpoints: plains.map(({ taskId, networks }, at) => ({ taskId, slot: at + 1, nodeId: `node${at + 1}`, state: 'ready' as const, addresses: [...networks] })),
};

beforeAll(async () => {
  for (const host of hosts) {
    await host.open();
    keys.set(host.index, await host.call<EncryptionKey[]>('keys'));
  }
  await applyAll();
  for (const container of [...vaults, ...plains]) {
    const host = hosts[Number(container.containerId.at(-1)) - 1]!;
    namespaces.set(container.containerId, await host.attach(container, [sealed, open]));
    await serve(container.containerId);
  }
});

afterAll(async () => {
  for (const host of hosts) await host.call('destroy').catch(() => undefined); // else the processes of WireGuard stay
  await machine.close();
});

test('what is said in a plain network can be read on the wire, what is said in an encrypted one cannot', async () => {
  const wire = await machine.capture();
  expect(ask(inContainer('plain1'), '10.40.0.12', 8000, 'canary-in-clear')).toBe('plain2 heard canary-in-clear from 10.40.0.11');
  expect(ask(inContainer('vault1'), '10.30.0.12', 8000, 'canary-sealed-4')).toBe('vault2 heard canary-sealed-4 from 10.30.0.11');
  expect(ask(inContainer('vault2'), 'fd30::11', 8000, 'canary-sealed-6')).toBe('vault1 heard canary-sealed-6 from fd30::12');
  const seen = await wire.end();
  expect(seen).toContain('canary-in-clear');
  expect(seen).not.toContain('canary-sealed');
});

test('the packets of an encrypted network are shorter, and a long answer arrives', () => {
  expect(inContainer('vault1').run('ip link show eth0')).toContain('mtu 1390 ');
  expect(inContainer('plain1').run('ip link show eth0')).toContain('mtu 1450 ');
  expect(ask(inContainer('vault1'), '10.30.0.12', 8000, 'long')).toHaveLength(1_000_000);
});

test('a service address leads to both endpoints', () => {
  expect(distinct(16, () => ask(inContainer('vault1'), '10.30.0.2', 8000, 'x'))).toEqual(['vault1 heard x from 10.30.0.1', 'vault2 heard x from 10.30.0.11']);
});

test('a published port answers on a node without the network, shows the client, and is encrypted between the nodes', async () => {
  const wire = await machine.capture('not host 10.99.0.50');
  for (const node of [1, 2, 3]) {
    expect(distinct(16, () => ask(client, `10.99.0.${node}`, 8080, 'canary-published'))).toEqual(['vault1 heard canary-published from 10.99.0.50', 'vault2 heard canary-published from 10.99.0.50']);
  }
  // From a container of another network, and from a process on a node: their own address is the node's.
  expect(distinct(8, () => ask(inContainer('plain3'), '10.99.0.3', 8080, 'canary-published'))).toEqual(['vault1 heard canary-published from 100.65.0.3', 'vault2 heard canary-published from 100.65.0.3']);
  expect(distinct(8, () => ask(hosts[2], '127.0.0.1', 8080, 'canary-published'))).toEqual(['vault1 heard canary-published from 100.65.0.3', 'vault2 heard canary-published from 100.65.0.3']);
  expect(await wire.end()).not.toContain('canary-published');
});

test('networks stay closed to each other', () => {
  expect(ask(inContainer('plain1'), '10.30.0.12', 8000, 'x')).toContain('ECONNREFUSED');
  expect(ask(inContainer('vault1'), '10.40.0.12', 8000, 'x')).toContain('ECONNREFUSED');
});

test('a wrong route sends nothing in clear', async () => {
  const wire = await machine.capture();
  await hosts[0].crash(); // it would put everything back at once
  expect(inMesh(1, 'ip route replace 10.30.0.12/32 via 100.64.0.2 dev vx0 onlink; ip route replace 10.30.0.13/32 via 169.254.77.1 dev up0')).toBe('');
  for (const address of ['10.30.0.12', '10.30.0.13']) expect(echoed('vault1', address, 'canary-misled')).toBe('no answer');
  expect(inMesh(1, 'ip route del 10.30.0.13/32')).toBe('');
  // Nor when the wire is gone and the tunnel's own packets would find another way.
  expect(inMesh(1, 'ip route replace 100.66.0.2/32 via 169.254.77.1 dev up0; ip route replace 10.30.0.12/32 via 100.65.0.2 dev vxe0 onlink')).toBe('');
  expect(echoed('vault1', '10.30.0.12', 'canary-misled')).toBe('no answer');
  expect(await wire.end()).not.toContain('canary-misled');
  await hosts[0].open();
  await hosts[0].apply(view(1));
  expect(echoed('vault1', '10.30.0.12', 'x')).toBe('x');
});

test('what comes in clear from another node is not let in', async () => {
  await hosts[1].crash();
  expect(inMesh(2, 'ip route replace 10.30.0.11/32 via 100.64.0.1 dev vx0 onlink; nft flush chain inet mesh sealed')).toBe('');
  const wire = await machine.capture();
  expect(echoed('vault2', '10.30.0.11', 'canary-forced')).toBe('no answer');
  expect(await wire.end()).toContain('canary-forced'); // it did leave
  await hosts[1].open();
  await hosts[1].apply(view(2));
  expect(echoed('vault2', '10.30.0.11', 'x')).toBe('x');
});

test('wireguard-go that is killed is started again, and open connections go on', async () => {
  const stream = await flow('vault1', '10.30.0.12');
  const pid = pidOf(1);
  hosts[0].run(`kill -9 ${pid}`);
  await expect.poll(() => ask(inContainer('vault1'), '10.30.0.12', 8000, 'x'), { timeout: 12_000, interval: 100 }).toBe('vault2 heard x from 10.30.0.11');
  expect(pidOf(1)).not.toBe(pid);
  expect(await stream.next()).toBe('moved on');
  stream.write('end');
  expect(await stream.next()).toMatch(/^ended/);
});

test('an agent that restarts adopts the devices: no packet is lost', async () => {
  const pid = pidOf(1);
  const echo = await countEchoes('vault1', '10.30.0.12');
  await hosts[0].crash();
  await hosts[0].open();
  expect(await hosts[0].call('keys')).toEqual(keys.get(1));
  await hosts[0].apply(view(1));
  expect(await finish(echo)).toMatch(/^lost 0 of [1-9]/);
  expect(pidOf(1)).toBe(pid);
});

test('keys are replaced on all nodes without the loss of a packet', async () => {
  const echo = await countEchoes('vault1', '10.30.0.12');
  const oldPid = pidOf(1);
  const before = [...keys.values()].flat().map(({ publicKey }) => publicKey);
  for (const host of hosts) {
    await host.crash();
    await host.open({ keyLifetimeMs: 16_000 }); // its key is older than that, or soon will be
    await host.apply(view(host.index));
    await expect.poll(async () => (await host.call<EncryptionKey[]>('keys')).length, { timeout: 20_000, interval: 100 }).toBe(2);
  }
  for (const host of hosts) keys.set(host.index, await host.call<EncryptionKey[]>('keys'));
  expect([...keys.values()].map((all) => all.length)).toEqual([2, 2, 2]);
  await applyAll();
  for (const host of hosts) {
    await expect.poll(async () => (await host.call<EncryptionKey[]>('keys')).length, { timeout: 30_000, interval: 250 }).toBe(1);
    keys.set(host.index, await host.call<EncryptionKey[]>('keys'));
  }
  await applyAll();
  expect(await finish(echo)).toMatch(/^lost 0 of [1-9]/);
  expect([...keys.values()].flat().filter(({ publicKey }) => before.includes(publicKey))).toEqual([]);
  await untilEnded(hosts[0], oldPid);
}, 90_000);

test('a host that cannot encrypt refuses the container and says why; nothing of the network leaves it', async () => {
  await hosts[2].crash();
  await hosts[2].open({}, { PATH: '/usr/sbin:/sbin' }); // with the tools of the network, without wireguard-go
  expect(await hosts[2].call('keys')).toEqual([]);
  keys.set(3, []);
  await applyAll();
  await expect(hosts[2].attach(local('vault3', 'sealed', ['10.30.0.13']), [sealed])).rejects.toThrow(/network stack_sealed is encrypted, and this host cannot encrypt: .*wireguard-go/);
  const wire = await machine.capture('not host 10.99.0.50');
  expect(ask(client, '10.99.0.3', 8080, 'canary-unable')).not.toContain('heard');
  expect(await wire.end()).not.toContain('canary-unable');
});

test('where encryption fails other networks go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wireguard-'));
  writeFileSync(join(folder, 'wireguard-go'), '#!/bin/sh\necho no device for me\nexit 1\n', { mode: 0o755 });
  hosts[2].run(`kill -9 ${pidOf(3)}`); // it stands from better days, and would be adopted
  await hosts[2].crash();
  await hosts[2].open({}, { PATH: `${folder}:/usr/sbin:/sbin` });
  await hosts[2].apply(view(3));
  expect(ask(inContainer('plain3'), '10.40.0.11', 8000, 'x')).toBe('plain1 heard x from 10.40.0.13');
  await expect(hosts[2].attach(local('vault3', 'sealed', ['10.30.0.13']), [sealed])).rejects.toThrow(/network stack_sealed is encrypted, and encryption does not work on this host now: .*no device for me/);
  rmSync(folder, { recursive: true });
});

test('devices and processes go with the last encrypted network', async () => {
  const pid = pidOf(1);
  hasVaults = false;
  await hosts[0].apply(view(1));
  expect(inMesh(1, 'ip -br link')).not.toMatch(/wg|vxe0/);
  await untilEnded(hosts[0], pid);
});

function view(index: number): NodeNetworkView {
  const peers: AssignedPeer[] = hosts.map((host) => ({ nodeId: `node${host.index}`, index: host.index, dataPathAddress: host.address, address: host.address, encryptionKeys: keys.get(host.index) ?? [] }));
  const mine = vaults[index - 1];
  const networks = mine && hasVaults ? [sealed, open] : [open];
  return { self: { nodeId: `node${index}`, index }, peers, networks, services: hasVaults ? [vault, plain] : [plain], containers: [plains[index - 1]!, ...(mine && hasVaults ? [mine] : [])] };
}

async function applyAll(): Promise<void> {
  for (const host of hosts) await host.apply(view(host.index));
}

function local(name: string, networkId: string, addresses: string[]): LocalContainer {
  return { containerId: name, taskId: name, networks: addresses.map((address) => ({ networkId, address, aliases: [] })), hostPorts: [] };
}

function inContainer(name: string): Namespace {
  return namespaces.get(name)!;
}

function inMesh(node: number, script: string): string {
  const host = hosts[node - 1]!;
  return host.run(`nsenter --net=${host.options.stateDir}/netns/mesh sh -ec '${script}'`);
}

/** Of the process behind the one WireGuard device that the node has. */
function pidOf(node: number): string {
  return hosts[node - 1]!.run(`cat ${hosts[node - 1]!.options.stateDir}/encryption/wg*.pid`);
}

async function untilEnded(host: Host, pid: string): Promise<void> {
  const state = () => host.run(`grep -qs '^State:.[RSD]' /proc/${pid}/status || echo ended`); // its parent has crashed: what is left of it waits for pid 1
  await expect.poll(state, { timeout: 10_000, interval: 50 }).toBe('ended');
}

/** A server on both families that says what it heard, and a UDP echo. */
async function serve(name: string): Promise<void> {
  const server = `
    require('dgram').createSocket('udp6').on('message', function (m, from) { this.send(m, from.port, from.address); }).bind(9000);
    require('net').createServer((s) => {
      s.on('error', () => 0);
      const from = s.remoteAddress.replace('::ffff:', '');
      s.once('data', (d) => { const t = String(d); if (t === 'stream') s.on('data', (e) => s.write(e)); else if (t === 'long') s.end('x'.repeat(1e6)); else s.end('${name} heard ' + t + ' from ' + from); });
    }).listen(8000, () => console.log('up'))`;
  await (await inContainer(name).start(server)).next();
}

/** What the answering side says, or why there is none. */
function ask(from: Namespace, address: string, port: number, text: string): string {
  const script = `let t = ''; const s = require('net').connect(${port}, '${address}', () => s.write('${text}')); s.setTimeout(2500, () => { console.log('no answer'); s.destroy(); }); s.on('data', (d) => t += d).on('end', () => console.log(t)).on('error', (e) => console.log(e.code))`;
  return from.run(`exec ${process.execPath} -e "${script}"`);
}

/** A datagram that comes back, or does not. */
function echoed(from: string, address: string, text: string): string {
  const script = `const s = require('dgram').createSocket('udp4'); s.on('message', (m) => { console.log(String(m)); process.exit(); }); s.send('${text}', 9000, '${address}'); setTimeout(() => { console.log('no answer'); process.exit(); }, 1000)`;
  return inContainer(from).run(`exec ${process.execPath} -e "${script}"`);
}

/** One connection that stays: says when it has moved on after a pause of the wire, and when it was ended in order. */
async function flow(from: string, address: string) {
  const script = `
    const s = require('net').connect(8000, '${address}', () => s.write('stream'));
    s.setNoDelay(true); let n = 0, told = 0;
    const t = setInterval(() => s.write('.'), 50);
    s.on('data', () => { n++; if (n === 5) console.log('runs'); if (n > 5 && !told && asked) { told = 1; console.log('moved on'); } });
    let asked = 0; setTimeout(() => { asked = 1; }, 1500);
    s.on('error', (e) => console.log('broken ' + e.code));
    process.stdin.once('data', () => { clearInterval(t); s.on('close', () => console.log('ended')); s.end(); s.destroy(); })`;
  const lines = await inContainer(from).start(script);
  expect(await lines.next()).toBe('runs');
  return lines;
}

/** Sends a datagram every 5 ms and counts the echoes. */
async function countEchoes(from: string, address: string) {
  const script = `
    const socket = require('dgram').createSocket('udp4'); let sent = 0, heard = 0;
    socket.on('message', () => { if (++heard === 10) console.log('runs'); });
    const timer = setInterval(() => { sent++; socket.send('ping', 9000, '${address}'); }, 5);
    process.stdin.once('data', () => { clearInterval(timer); setTimeout(() => { console.log('lost ' + (sent - heard) + ' of ' + sent); process.exit(); }, 500); })`;
  const lines = await inContainer(from).start(script);
  expect(await lines.next()).toBe('runs');
  return lines;
}

function finish(echo: { write(line: string): void; next(): Promise<string> }): Promise<string> {
  echo.write('end');
  return echo.next();
}

function distinct(count: number, one: () => string): string[] {
  return [...new Set(Array.from({ length: count }, one))].sort();
}
