import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssignedEndpoint, AssignedNetwork, AssignedPeer, AssignedService } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import { Machine, type Host, type Lines, type Namespace } from './hosts.js';

/**
 * What a change of the endpoints and a new process cost those who are connected: nothing. Four endpoints on two hosts, a
 * third host without any, one client from outside and one in a container. `npm run soak:network` asks for more of it.
 */

const connections = Number(process.env['SHOAL_LOSS_CONNECTIONS'] ?? 2_000);
const changes = Number(process.env['SHOAL_LOSS_CHANGES'] ?? 20);
const reloads = 10;
const deadlineMs = 180_000 + connections * 10 + changes * 5_000;

const net: AssignedNetwork = { id: 'net', name: 'stack_net', subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }], internal: false };
const machine = new Machine();
const hosts = [1, 2, 3].map((index) => machine.addHost(index)) as [Host, Host, Host];
const client = machine.addClient('10.99.0.50');
const peers: AssignedPeer[] = hosts.map(({ index, address }) => ({ nodeId: `node${index}`, index, dataPathAddress: address, address }));
const endpoints = [1, 2, 1, 2].map((host, at) => ({ host, container: container(`web${at}`, `10.10.0.${11 + at}`) }));
const asking = { host: 3, container: container('box', '10.10.0.20') };
let box: Namespace;

beforeAll(async () => {
  for (const host of hosts) await host.open();
  await applyAll(endpoints.map(ready));
  for (const { host, container } of endpoints) {
    const namespace = await hosts[host - 1]!.attach(container, [net]);
    await (await namespace.start(server)).next();
  }
  box = await hosts[2].attach(asking.container, [net]);
});

afterAll(() => machine.close());

test(`${connections} short connections: none fails while the endpoints change ${changes} times`, async () => {
  const callers = [
    await start(client, caller(hosts.map(({ address }) => [address, 8080]), connections)),
    await start(box, caller([['10.10.0.2', 8000]], connections)),
  ];
  const ends = callers.map((lines) => report(lines));
  for (let change = 0; change < changes; change++) {
    const leaving = change % endpoints.length;
    const others = endpoints.filter((_, at) => at !== leaving).map(ready);
    await applyAll([...others, { ...ready(endpoints[leaving]!), state: 'draining' }]);
    await Promise.all(ends.map((end) => end.idle())); // what had begun before has ended: the endpoint is drained
    await applyAll(others);
    await applyAll(endpoints.map(ready));
  }
  const results = await Promise.all(ends.map((end) => end.result()));
  for (const { failed, made } of results) expect(failed, `of ${made}`).toEqual({});
  console.log(`connections ${results.map(({ made, seconds }) => `${made} in ${seconds.toFixed(1)} s`).join(', ')}; ${changes} changes`);
}, deadlineMs);

test('an endpoint is reached through a node that heard of it before its own node did', async () => {
  const [others, newest] = [endpoints.slice(0, 3).map(ready), endpoints.at(-1)!];
  await hosts[newest.host - 1]!.apply(view(newest.host, others));
  await hosts[0].apply(view(1, [ready(newest)]));
  const connection = await start(client, conversation(hosts[0].address, 8080)); // a refusal of the other node does not lead back: it would be silence
  expect(await say(connection)).toBe(`from ::ffff:${newest.container.networks[0]!.address}`);
  await applyAll(endpoints.map(ready));
});

test(`open connections pass ${reloads} times through a process that ends, rules that are lost, and a process that lays them anew`, async () => {
  const open = [
    ...(await Promise.all(hosts.map(({ address }) => start(client, conversation(address, 8080))))),
    await start(box, conversation('10.10.0.2', 8000)),
  ];
  const said = await Promise.all(open.map(say));
  for (let round = 0; round < reloads; round++) {
    for (const host of hosts) {
      await host.crash();
      // A stranger's change: the new process must lay the table anew, not adopt it.
      expect(host.run(`nsenter --net=${host.options.stateDir}/netns/mesh nft flush ruleset`)).toBe('');
      await host.open();
      await host.apply(view(host.index, endpoints.map(ready)));
    }
    expect(await Promise.all(open.map(say))).toEqual(said);
  }
});

function container(id: string, address: string): LocalContainer {
  return { containerId: id, taskId: id, serviceId: id.replace(/\d+$/, ''), networks: [{ networkId: 'net', address, aliases: [] }], hostPorts: [] };
}

function ready({ host, container }: (typeof endpoints)[number]): AssignedEndpoint {
  return { taskId: container.taskId, slot: 1, nodeId: `node${host}`, state: 'ready', addresses: [...container.networks] };
}

async function applyAll(list: AssignedEndpoint[]): Promise<void> {
  for (const host of hosts) await host.apply(view(host.index, list));
}

function view(index: number, list: AssignedEndpoint[]): NodeNetworkView {
  const containers = [...endpoints, asking].filter(({ host }) => host === index).map(({ container }) => container);
  const web: AssignedService = {
    id: 'web',
    name: 'stack_web',
    mode: 'vip',
    virtualIps: [{ networkId: 'net', address: '10.10.0.2' }],
    ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }],
    endpoints: list,
  };
  const boxes: AssignedService = { id: 'box', name: 'stack_box', mode: 'dnsrr', virtualIps: [], ports: [], endpoints: [ready(asking)] };
  return { self: { nodeId: `node${index}`, index }, peers, networks: [net], services: [web, boxes], containers };
}

/** Answers a line and closes when the asker wants a short connection, else goes on. */
const server = `require('net').createServer((c) => {
  c.on('error', () => {});
  c.on('data', (d) => String(d).startsWith('once') ? c.end('done') : c.write('from ' + c.localAddress + '\\n'));
}).listen(8000, () => console.log('listening'))`;

/** Makes connections over and over, several at once; at least \`count\`, and until told to stop. */
function caller(targets: [string, number][], count: number): string {
  return `const net = require('net'); const targets = ${JSON.stringify(targets)};
    let made = 0, stopped = false; const failed = {}, open = new Set(); const started = performance.now();
    const once = () => {
      const [host, port] = targets[made++ % targets.length];
      const connection = new Promise((done) => {
        let text = '';
        const fail = (why) => { failed[why] = (failed[why] ?? 0) + 1; s.destroy(); };
        const s = net.connect(port, host, () => s.write('once'));
        s.setTimeout(10000, () => fail('silence'));
        s.on('data', (d) => text += d).on('end', () => { if (text !== 'done') fail('cut off'); }).on('error', (e) => fail(e.code)).on('close', done);
      });
      open.add(connection);
      return connection.then(() => open.delete(connection));
    };
    const loop = async () => { while (made < ${count} || !stopped) await once(); };
    require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
      if (line === 'stop') stopped = true;
      else Promise.all([...open]).then(() => console.log('idle'));
    });
    console.log('started');
    Promise.all(Array.from({ length: 8 }, loop)).then(() => console.log(JSON.stringify({ failed, made, seconds: (performance.now() - started) / 1000 })));`;
}

interface Result {
  failed: Record<string, number>;
  made: number;
  seconds: number;
}

/** A caller as the test sees it. */
function report(lines: Lines): { idle(): Promise<void>; result(): Promise<Result> } {
  return {
    async idle() {
      lines.write('idle');
      expect(await lines.next()).toBe('idle');
    },
    async result() {
      lines.write('stop');
      return JSON.parse(await lines.next(deadlineMs)) as Result;
    },
  };
}

function conversation(address: string, port: number): string {
  return `const s = require('net').connect(${port}, '${address}', () => console.log('connected'));
    process.stdin.on('data', (d) => s.write(d));
    s.on('data', (d) => process.stdout.write(d));
    s.on('error', (e) => console.log(e.code));`;
}

async function say(lines: Lines): Promise<string> {
  lines.write('more');
  return lines.next();
}

/** Starts a program and takes its first line. */
async function start(from: Namespace, script: string): Promise<Lines> {
  const lines = await from.start(script);
  await lines.next();
  return lines;
}
