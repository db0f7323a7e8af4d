import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNodeNetwork, type LocalContainer, type NodeNetwork, type NodeNetworkView } from '../../../libs/network/src/index.js';
import { cluster, withChangedService } from './large-view.js';
import { median, print, timed } from './figures.js';

/**
 * What the work on one node's network costs: 1 000 services of 10 endpoints each on 20 nodes, one of them this one.
 * Runs in network and mount namespaces of its own (`run.sh` makes them); every figure has its mark beside it.
 */

const services = Number(process.env['SHOAL_BENCH_SERVICES'] ?? 1_000);
const endpointsEach = 10;
const changes = 200;
const containers = 100;
const signal = new AbortController().signal;

async function main(): Promise<void> {
  const address = '10.99.0.1';
  for (const command of ['link set lo up', 'link add eth0 type veth peer name wire', `addr add ${address}/16 dev eth0`, 'link set eth0 up']) execFileSync('ip', command.split(' '));
  const stateDir = mkdtempSync(join(tmpdir(), 'bench-network-'));
  const network = await openNodeNetwork({ name: 'bench', stateDir, dataPathAddress: address, dataPathPort: 4789, upstreamDns: [] });
  try {
    await measure(network);
  } finally {
    await network.destroy();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function measure(network: NodeNetwork): Promise<void> {
  let view = cluster({ services, endpointsEach, nodes: 20 });
  await network.apply({ ...view, services: [] }, signal);
  const firstMs = await timed(() => network.apply(view, signal));
  print(`${services * endpointsEach} endpoints programmed`, firstMs, 'ms wall', 500);

  const walls: number[] = [];
  const processor: number[] = [];
  for (let change = 0; change < changes; change++) {
    view = withChangedService(view, change % services);
    const before = process.cpuUsage();
    walls.push(await timed(() => network.apply(view, signal)));
    const { user, system } = process.cpuUsage(before);
    processor.push((user + system) / 1000);
  }
  print(`one endpoint change at ${services} services, CPU`, median(processor), 'ms', 2);
  print(`one endpoint change at ${services} services, wall`, median(walls), 'ms');

  const locals = Array.from({ length: containers }, (_, at): LocalContainer => local(view, at));
  const attaches: number[] = [];
  for (const container of locals) attaches.push(await timed(() => network.attach(container, view.networks, signal)));
  print('attach of one container', median(attaches), 'ms wall', 3);
  const removeMs = await timed(async () => {
    await Promise.all(locals.map(({ containerId }) => network.detach(containerId)));
  });
  print(`${containers} containers removed`, removeMs, 'ms wall', 300);
}

function local(view: NodeNetworkView, at: number): LocalContainer {
  return { containerId: `bench${at}`, taskId: `bench${at}`, networks: [{ networkId: view.networks[0]!.id, address: `10.8.250.${at + 1}`, aliases: [] }], hostPorts: [] };
}

await main();
process.exit();
