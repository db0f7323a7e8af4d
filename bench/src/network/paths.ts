import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AssignedNetwork, AssignedService } from '../../../libs/model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../../../libs/network/src/index.js';
import { Machine, Namespace, type Host } from '../../../libs/network/test/hosts.js';
import { cluster } from './large-view.js';
import { median, print } from './figures.js';

/**
 * What connections cost on their way, as ratios of ways that are measured in turn in the same minute: the machine's load is the same for
 * all of them. Two hosts, a container on each, a client outside; beside them the same two containers on a bridge and a VXLAN without rules.
 */

const rounds = Number(process.env['SHOAL_BENCH_ROUNDS'] ?? 15);
const connectionsEach = 1_500;
const sendMs = 600;
const port = 8000;

const net: AssignedNetwork = { id: 'net', name: 'bench_net', subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }], internal: false };
const asker = container('asker', '10.10.0.11');
const server = container('server', '10.10.0.12');

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-paths-'));
  const traffic = join(dir, 'traffic');
  execFileSync('gcc', ['-O2', '-o', traffic, resolve('bench/src/network/traffic.c')]);
  const machine = new Machine();
  const bridged: Namespace[] = [];
  try {
    bridged.push(bridge(machine, 1), bridge(machine, 2));
    await measure(machine, bridged as [Namespace, Namespace], traffic);
  } finally {
    for (const place of bridged) await place.close();
    await machine.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(machine: Machine, bridged: [Namespace, Namespace], traffic: string): Promise<void> {
  const hosts = [1, 2].map((index) => machine.addHost(index)) as [Host, Host];
  const client = machine.addClient('10.99.0.50');
  for (const host of hosts) await host.open();
  for (const host of hosts) await host.apply(view(hosts, host.index));
  const [from, to] = [await hosts[0].attach(asker, [net]), await hosts[1].attach(server, [net])];
  for (const place of [to, bridged[1], hosts[1]]) await (await place.start(`require('child_process').spawn('${traffic}', ['serve', '${port}'], { stdio: 'inherit' })`)).next();

  const microseconds = (place: Namespace, address: string, at = port) => () => figure(place, `${traffic} connect ${address} ${at} ${connectionsEach}`);
  const gigabits = (place: Namespace, address: string, at = port) => () => figure(place, `${traffic} send ${address} ${at} ${sendMs}`);

  const short = inTurn({ direct: microseconds(from, '10.10.0.12'), virtual: microseconds(from, '10.10.0.2') });
  print('connections/s by a service address, of direct (other node)', median(short.direct) / median(short.virtual), '', 0.95, 'more');
  print('  one connection, direct', median(short.direct), 'µs');

  const bulk = inTurn({ plain: gigabits(bridged[0], '10.77.0.2'), ours: gigabits(from, '10.10.0.12') });
  print('throughput between nodes, of a bridge and VXLAN without rules', median(bulk.ours) / median(bulk.plain), '', 0.9, 'more');
  print('  bridge and VXLAN', median(bulk.plain), 'Gbit/s');

  const published = inTurn({ direct: gigabits(client, '10.99.0.2'), published: gigabits(client, '10.99.0.2', 8080) });
  print("throughput by a published port on the task's node, of direct", median(published.published) / median(published.direct), '', 0.9, 'more');
  print('  process on the host', median(published.direct), 'Gbit/s');

  const few: number[] = [];
  const many: number[] = [];
  for (let round = 0; round < Math.ceil(rounds / 3); round++) {
    for (const [services, figures] of [[10, few], [5_000, many]] as const) {
      await hosts[0].apply(view(hosts, 1, services));
      for (let again = 0; again < 3; again++) figures.push(microseconds(from, '10.10.0.2')());
    }
  }
  print('one connection at 5 000 services, of one at 10', median(many) / median(few), '', 1.05);
}

/** Each way once in every round, so that what else the machine does meets all of them. */
function inTurn<K extends string>(ways: Record<K, () => number>): Record<K, number[]> {
  const names = Object.keys(ways) as K[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as unknown as Record<K, number[]>;
  for (let round = 0; round < rounds; round++) for (const name of round % 2 ? names.toReversed() : names) figures[name].push(ways[name]());
  return figures;
}

function figure(place: Namespace, command: string): number {
  const value = Number(place.run(command));
  if (Number.isNaN(value)) throw new Error(`${command}: ${place.run(command)}`);
  return value;
}

/** A host with a bridge, a VXLAN to the other one, and a namespace on it; no rules at all. */
function bridge(machine: Machine, number: 1 | 2): Namespace {
  const host = machine.addClient(`10.99.0.${60 + number}`);
  const made = host.run(`set -e
    mkdir -p /run/netns
    mount -t tmpfs tmpfs /run/netns
    ip netns add box
    ip link add br0 type bridge
    ip link add vx type vxlan id 77 dstport 4790 local 10.99.0.${60 + number} remote 10.99.0.${63 - number}
    ip link add v0 mtu 1450 type veth peer name eth0 mtu 1450 netns box
    for link in vx v0; do ip link set $link master br0 up; done
    ip link set br0 up
    ip -n box addr add 10.77.0.${number}/24 dev eth0
    ip -n box link set eth0 up`);
  if (made !== '') throw new Error(made);
  return new Namespace(host.holder, '/run/netns/box');
}

function view(hosts: readonly Host[], index: number, services = 10): NodeNetworkView {
  const web: AssignedService = {
    id: 'web',
    name: 'bench_web',
    mode: 'vip',
    virtualIps: [{ networkId: 'net', address: '10.10.0.2' }],
    ports: [{ protocol: 'tcp', targetPort: port, publishedPort: 8080 }],
    endpoints: [endpointOf(server, 2)],
  };
  const others: AssignedService = { ...web, id: 'asker', name: 'bench_asker', virtualIps: [], mode: 'dnsrr', ports: [], endpoints: [endpointOf(asker, 1)] };
  const large = cluster({ services, endpointsEach: 1, nodes: 2 });
  return {
    self: { nodeId: `node${index}`, index },
    peers: hosts.map((host) => ({ nodeId: `node${host.index}`, index: host.index, dataPathAddress: host.address, address: host.address })),
    networks: [net],
    services: [...large.services, web, others],
    containers: [index === 1 ? asker : server],
  };
}

function endpointOf({ taskId, networks }: LocalContainer, node: number): AssignedService['endpoints'][number] {
  return { taskId, slot: 1, nodeId: `node${node}`, state: 'ready', addresses: [...networks] };
}

function container(id: string, address: string): LocalContainer {
  return { containerId: id, taskId: id, networks: [{ networkId: 'net', address, aliases: [] }], hostPorts: [] };
}

await main();
process.exit();
