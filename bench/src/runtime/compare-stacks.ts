import { join } from 'node:path';
import { Cluster } from '../../../e2e/harness/cluster.js';
import { liveThrough, type StackLife } from './stack-life.js';
import { figure, printTable } from './table.js';

/** Stacks of many containers on a cluster of one node, one after the other, on the same daemons. */
export async function compareStacks(distDir: string, directory: string, replicas: readonly number[], idleMs: number): Promise<void> {
  process.stderr.write('bench: a cluster of one node\n');
  const name = process.env['SHOAL_TEST_CLUSTER'] ?? 'benchrt';
  const prefix = process.env['SHOAL_TEST_PREFIX'] ?? '172.30.83';
  const cluster = await Cluster.up({ name, prefix, nodes: 1, distDir, imageArchives: [join(distDir, 'images/whoami-1.tar')] });
  const lives: StackLife[] = [];
  try {
    for (const count of replicas) {
      process.stderr.write(`bench: a stack of ${count}\n`);
      lives.push(await liveThrough(cluster, directory, count, idleMs));
    }
  } finally {
    await cluster.down();
  }
  print(lives);
}

function print(lives: readonly StackLife[]): void {
  const row = (label: string, of: (life: StackLife) => number, digits = 1) => [label, ...lives.map((life) => figure(of(life), digits))];
  const perContainer = (of: (life: StackLife) => number) => (life: StackLife) => of(life) / life.replicas;
  printTable('One stack deploy of one service with a network on a cluster of one node: manager, etcd, agent, containers on two processors', [
    ['', ...lives.map(({ replicas }) => `${replicas} replicas`)],
    row('stack deploy → all running, s', ({ deployMs }) => deployMs / 1000),
    row('  containers started per second', ({ replicas, deployMs }) => (1000 * replicas) / deployMs, 0),
    row('  agent, ms of processor time per container', perContainer(({ deployCpu }) => deployCpu.agentUser + deployCpu.agentSystem)),
    row('    in the kernel', perContainer(({ deployCpu }) => deployCpu.agentSystem)),
    row('  manager', perContainer(({ deployCpu }) => deployCpu.manager)),
    row('  etcd', perContainer(({ deployCpu }) => deployCpu.etcd)),
    row('stack rm → nothing left, s', ({ removeMs }) => removeMs / 1000),
    row('  containers removed per second', ({ replicas, removeMs }) => (1000 * replicas) / removeMs, 0),
    row('  agent, ms of processor time per container', perContainer(({ removeCpu }) => removeCpu.agentUser + removeCpu.agentSystem)),
    row('    in the kernel', perContainer(({ removeCpu }) => removeCpu.agentSystem)),
    row('  manager', perContainer(({ removeCpu }) => removeCpu.manager)),
    row('  etcd', perContainer(({ removeCpu }) => removeCpu.etcd)),
    row('private memory of one monitor, KiB', ({ memory }) => memory.monitorPrivateKiB, 0),
    row('PSS of all monitors, MiB', ({ memory }) => memory.monitorsPssMiB),
    row('PSS of the agent, MiB', ({ memory }) => memory.agentPssMiB),
    row('PSS of the manager, MiB', ({ memory }) => memory.managerPssMiB),
    row('PSS of etcd, MiB', ({ memory }) => memory.etcdPssMiB),
    row('idle: agent, % of one processor', ({ idlePercent }) => idlePercent.agent, 2),
    row('idle: manager', ({ idlePercent }) => idlePercent.manager, 2),
    row('idle: etcd', ({ idlePercent }) => idlePercent.etcd, 2),
  ]);
}
