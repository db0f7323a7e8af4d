import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../../../e2e/harness/cluster.js';
import { getJson } from '../../../e2e/harness/api.js';
import { until } from '../../../e2e/harness/wait.js';
import { containersLeft } from './leftovers.js';
import { commandOf, cpuMs, memoryOf, networkOf, parentOf, processesWhere } from './processes.js';
import { median, timedMs } from './statistics.js';

/** Processor time of the daemons during some work, ms. */
export interface CpuTimes {
  agentUser: number;
  agentSystem: number;
  manager: number;
  etcd: number;
}

export interface StackLife {
  replicas: number;
  deployMs: number;
  deployCpu: CpuTimes;
  removeMs: number;
  removeCpu: CpuTimes;
  memory: { agentPssMiB: number; managerPssMiB: number; etcdPssMiB: number; monitorsPssMiB: number; monitorPrivateKiB: number };
  /** Of one processor, in percent, while nothing happens. */
  idlePercent: { agent: number; manager: number; etcd: number };
}

const deadlineMs = 300_000;

/** One `stack deploy` of so many replicas on a cluster of one node, a look at what runs, a pause, and `stack rm`. */
export async function liveThrough(cluster: Cluster, directory: string, replicas: number, idleMs: number): Promise<StackLife> {
  const { manager: host } = cluster;
  const stackFile = join(directory, `stack-${replicas}.yml`);
  writeFileSync(stackFile, stack(replicas));
  const daemons = daemonsOf(host.record.holder.pid, host.pid('agent'), host.pid('manager'));
  const beforeDeploy = readCpu(daemons);
  const deployMs = await timedMs(async () => {
    await mustShoal(cluster, ['stack', 'deploy', '--detach', '-c', stackFile, 'bench']);
    await until(`${replicas} containers run`, async () => (await runningTasks(host.socketPath)) === replicas, { deadlineMs, everyMs: 50 });
  });
  const deployCpu = cpuSince(beforeDeploy, daemons);
  const memory = weigh(host.record.holder.pid, daemons);
  const idlePercent = await rest(daemons, idleMs);
  const beforeRemoval = readCpu(daemons);
  const removeMs = await timedMs(async () => {
    await mustShoal(cluster, ['stack', 'rm', 'bench']);
    await until('no container is left', async () => (await noTasks(host.socketPath)) && containersLeft(host.runDir) === 0, { deadlineMs, everyMs: 50 });
  });
  return { replicas, deployMs, deployCpu, removeMs, removeCpu: cpuSince(beforeRemoval, daemons), memory, idlePercent };
}

const stack = (replicas: number) => `
version: '3.8'
services:
  web:
    image: shoal/whoami:1
    deploy: { replicas: ${replicas} }
    networks: [net]
networks:
  net:
    ipam: { config: [{ subnet: 10.99.0.0/20 }] }
`;

async function mustShoal(cluster: Cluster, args: string[]): Promise<void> {
  const { status, stderr } = await cluster.shoal(args, { deadlineMs });
  if (status !== 0) throw new Error(`shoal ${args.join(' ')}: ${stderr}`);
}

async function runningTasks(socket: string): Promise<number> {
  const [service] = await getJson<{ ServiceStatus: { RunningTasks: number } }[]>(socket, '/v1.41/services?status=true');
  return service?.ServiceStatus.RunningTasks ?? 0;
}

async function noTasks(socket: string): Promise<boolean> {
  return ((await getJson<unknown[] | null>(socket, '/v1.41/tasks')) ?? []).length === 0;
}

interface Daemons {
  agent: number;
  manager: number;
  etcd: number;
}

function daemonsOf(holder: number, agent: number, manager: number): Daemons {
  const network = networkOf(holder);
  const [etcd] = processesWhere((pid) => networkOf(pid) === network && commandOf(pid) === 'etcd');
  return { agent, manager, etcd: etcd! };
}

/** The shims of the node's containers: the children of the zygote. (What is to become a container has left the host's network.) */
function monitorsOf(holder: number): number[] {
  const network = networkOf(holder);
  const isShim = (pid: number) => commandOf(pid) === 'shoal-shim';
  return processesWhere((pid) => isShim(pid) && networkOf(pid) === network && isShim(parentOf(pid)));
}

function readCpu({ agent, manager, etcd }: Daemons): CpuTimes {
  const { user, system } = cpuMs(agent);
  const whole = (pid: number) => cpuMs(pid).user + cpuMs(pid).system;
  return { agentUser: user, agentSystem: system, manager: whole(manager), etcd: whole(etcd) };
}

function cpuSince(before: CpuTimes, daemons: Daemons): CpuTimes {
  const now = readCpu(daemons);
  return { agentUser: now.agentUser - before.agentUser, agentSystem: now.agentSystem - before.agentSystem, manager: now.manager - before.manager, etcd: now.etcd - before.etcd };
}

function weigh(holder: number, { agent, manager, etcd }: Daemons): StackLife['memory'] {
  const mebibytes = (pid: number) => memoryOf(pid).pssKiB / 1024;
  const monitors = monitorsOf(holder).map(memoryOf);
  return {
    agentPssMiB: mebibytes(agent),
    managerPssMiB: mebibytes(manager),
    etcdPssMiB: mebibytes(etcd),
    monitorsPssMiB: monitors.reduce((sum, { pssKiB }) => sum + pssKiB, 0) / 1024,
    monitorPrivateKiB: median(monitors.map(({ privateKiB }) => privateKiB)),
  };
}

async function rest(daemons: Daemons, idleMs: number): Promise<StackLife['idlePercent']> {
  const before = readCpu(daemons);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const used = cpuSince(before, daemons);
  const percent = (ms: number) => (100 * ms) / idleMs;
  return { agent: percent(used.agentUser + used.agentSystem), manager: percent(used.manager), etcd: percent(used.etcd) };
}
