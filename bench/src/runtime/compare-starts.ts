import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Host } from '../../../e2e/harness/host.js';
import { endProcess } from '../../../e2e/harness/process.js';
import { must } from '../../../e2e/harness/run.js';
import { addHost, createUnderlay, destroyUnderlay, type Underlay } from '../../../e2e/harness/underlay.js';
import { startDocker } from '../docker-peer.js';
import type { NodeAloneOptions, NodeRound } from './node-alone.js';
import { commandOf, memoryOf, processesWhere } from './processes.js';
import { median, timedMs } from './statistics.js';
import { figure, printTable } from './table.js';

const containers = 100;
const dockerContainers = 10;
const deadlineMs = 300_000;
/** Those of the agent: see scripts/build.mjs. */
const agentFlags = ['--single-threaded', '--max-semi-space-size=2', '--optimize-for-size'];

interface DockerTimes {
  startMs: number[];
  removeMs: number[];
  monitorPrivateKiB: number;
}

/** Containers with a network, from an image that is here: an agent told a hundred at once, and `docker run` one after the other. */
export async function compareStarts(distDir: string, directory: string, rounds: number): Promise<void> {
  process.stderr.write('bench: docker run\n');
  const docker = await timeDocker(distDir);
  process.stderr.write('bench: the agent without a manager\n');
  const ours = await timeNode(distDir, directory, rounds);
  print(ours, docker);
}

async function timeDocker(distDir: string): Promise<DockerTimes> {
  const peer = await startDocker(join(distDir, 'images/whoami-1.tar'));
  try {
    const docker = (...args: string[]) => must(['docker', ...args], { env: { DOCKER_HOST: `unix://${peer.socket}` }, deadlineMs: 60_000 });
    const names = Array.from({ length: dockerContainers }, (_, index) => `bench-${index}`);
    const startMs: number[] = [];
    const removeMs: number[] = [];
    for (const name of names) startMs.push(await timedMs(() => docker('run', '--detach', '--name', name, 'shoal/whoami:1')));
    const monitors = new Set(await peer.daemons());
    const shims = processesWhere((pid) => monitors.has(pid) && commandOf(pid).startsWith('containerd-shim'));
    const monitorPrivateKiB = median(shims.map((pid) => memoryOf(pid).privateKiB));
    for (const name of names) removeMs.push(await timedMs(() => docker('rm', '--force', name)));
    return { startMs, removeMs, monitorPrivateKiB };
  } finally {
    await peer.stop();
  }
}

/** On a host of its own, in a process with the agent's flags. */
async function timeNode(distDir: string, directory: string, rounds: number): Promise<NodeRound[]> {
  const name = process.env['SHOAL_TEST_CLUSTER'] ?? 'benchrt';
  const underlay: Underlay = { name: `sh-${name}`, prefix: process.env['SHOAL_TEST_PREFIX'] ?? '172.30.83' };
  const address = `${underlay.prefix}.11`;
  const hostDirectory = join(directory, 'host');
  mkdirSync(hostDirectory, { recursive: true });
  await destroyUnderlay(underlay);
  await createUnderlay(underlay);
  await addHost(underlay, 'node-1', address);
  const holder = await Host.hold(underlay, 'node-1', hostDirectory);
  try {
    const options: NodeAloneOptions = { directory: join(hostDirectory, 'state'), runDir: join(hostDirectory, 'run'), distDir, address, cgroupParent: `${underlay.name}-node`, containers, rounds };
    const enter = ['nsenter', '-t', String(holder.pid), '--mount', '--net', '--'];
    const output = await must([...enter, process.execPath, ...agentFlags, process.argv[1]!, '--drive-node', JSON.stringify(options)], { deadlineMs });
    return JSON.parse(output) as NodeRound[];
  } finally {
    await endProcess(holder, 0);
    await Host.release(hostDirectory);
    await destroyUnderlay(underlay);
  }
}

function print(ours: readonly NodeRound[], docker: DockerTimes): void {
  const each = (key: keyof NodeRound) => median(ours.map((round) => round[key])) / containers;
  const pair = (label: string, oursMs: number, theirsMs: number): string[][] => [
    [`${label}, ms each`, figure(oursMs, 2), figure(theirsMs, 1)],
    ['  per second', figure(1000 / oursMs, 0), figure(1000 / theirsMs, 1)],
  ];
  printTable(`Containers with a network from a cached image: ${containers} at once by an agent without a manager (median of ${ours.length}), docker run -d and rm -f one by one (median of ${dockerContainers})`, [
    ['', 'Shoal', 'Docker'],
    ...pair('start', each('startMs'), median(docker.startMs)),
    ['  agent: processor time of one start, ms', figure(each('startUserMs') + each('startSystemMs')), ''],
    ['    in the kernel', figure(each('startSystemMs')), ''],
    ...pair('stop and remove', each('removeMs'), median(docker.removeMs)),
    ['  agent: processor time of one removal, ms', figure(each('removeUserMs') + each('removeSystemMs')), ''],
    ['private memory of containerd-shim, KiB', '', figure(docker.monitorPrivateKiB, 0)],
  ]);
}
