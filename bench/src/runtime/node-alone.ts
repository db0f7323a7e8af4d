import { join } from 'node:path';
import { systemClock } from '../../../libs/base/src/index.js';
import { FileJournal } from '../../../apps/agent/src/file-journal.js';
import { openImages } from '../../../libs/image/src/index.js';
import type { AssignedTask, AssignmentItem } from '../../../libs/model/src/index.js';
import { aTemplate } from '../../../libs/model/src/testing/index.js';
import { openNodeNetwork } from '../../../libs/network/src/index.js';
import { openRuntime } from '../../../libs/runtime/src/index.js';
import { Worker } from '../../../libs/worker/src/index.js';
import { containersLeft } from './leftovers.js';

export interface NodeAloneOptions {
  directory: string;
  runDir: string;
  distDir: string;
  address: string;
  cgroupParent: string;
  containers: number;
  rounds: number;
}

/** One round: what the process itself used is without the shims, which are processes of their own. */
export interface NodeRound {
  startMs: number;
  startUserMs: number;
  startSystemMs: number;
  removeMs: number;
  removeUserMs: number;
  removeSystemMs: number;
}

const quiet = () => undefined;
const network = { id: 'network-bench', name: 'bench', subnets: [{ subnet: '10.99.0.0/20', gateway: '10.99.0.1' }], internal: false };

/** All of an agent but its connection to a manager: is told its tasks, and is timed until they run, and until nothing is left of them. */
export async function driveNode(options: NodeAloneOptions): Promise<NodeRound[]> {
  const { directory, runDir, distDir, address, cgroupParent } = options;
  const images = await openImages({ stateDir: join(directory, 'images'), insecureRegistries: [], trace: quiet });
  await images.importArchive(join(distDir, 'images/whoami-1.tar'), { signal: new AbortController().signal });
  const runtime = await openRuntime({ stateDir: directory, runDir: join(runDir, 'agent'), shimPath: join(distDir, 'shim/shoal-shim'), cgroupParent, trace: quiet });
  const nodeNetwork = await openNodeNetwork({ name: 'shoal', stateDir: join(runDir, 'agent/network'), dataPathAddress: address, dataPathPort: 4789, upstreamDns: [], trace: quiet });
  const worker = await Worker.open({
    runtime, network: nodeNetwork, images, journal: await FileJournal.open(directory, runDir), clock: systemClock,
    node: { nodeId: 'node-bench', hostname: 'bench', index: 1 }, trace: quiet,
  });
  const rounds: NodeRound[] = [];
  try {
    for (let round = 1; round <= options.rounds; round++) {
      const put: AssignmentItem[] = [
        { kind: 'network', key: network.id, value: network },
        { kind: 'peer', key: 'node-bench', value: { nodeId: 'node-bench', index: 1, dataPathAddress: address, address } },
        ...Array.from({ length: options.containers }, (_, index) => task(round, index)),
      ];
      const start = await measured(async () => {
        await worker.assign({ epoch: 1, complete: true, version: 1, put, remove: [] });
        while (worker.reporter.inventory().filter(({ status }) => status.state === 'running').length < options.containers) await worker.reporter.changed.wait();
      });
      const remove = await measured(async () => {
        await worker.assign({ epoch: 1, complete: true, version: 1, put: put.slice(0, 2), remove: [] });
        while (containersLeft(runDir) > 0) await systemClock.sleep(20);
      });
      rounds.push({ startMs: start.ms, startUserMs: start.userMs, startSystemMs: start.systemMs, removeMs: remove.ms, removeUserMs: remove.userMs, removeSystemMs: remove.systemMs });
    }
  } finally {
    await worker.close();
    await nodeNetwork.destroy();
    await runtime.close();
  }
  return rounds;
}

function task(round: number, index: number): AssignmentItem {
  const number = index + 10;
  const value: AssignedTask = {
    id: `bench-${round}-${index}`,
    serviceId: 'service-bench',
    serviceName: 'bench',
    slot: index + 1,
    desiredState: 'running',
    startAfterMs: 0,
    networks: [{ networkId: network.id, address: `10.99.${number >> 8}.${number & 255}`, aliases: [] }],
    hostPorts: [],
    template: aTemplate(),
    serviceLabels: {},
  };
  return { kind: 'task', key: value.id, value };
}

async function measured(work: () => Promise<void>): Promise<{ ms: number; userMs: number; systemMs: number }> {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - startedMs, userMs: user / 1000, systemMs: system / 1000 };
}
