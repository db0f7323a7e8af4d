import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, isErrno, isRefused, isTemporary, Lifetime, systemClock, systemRandom, type Log } from '../../../libs/base/src/index.js';
import { requireNodeFiles } from '../../../libs/identity/src/node-files.js';
import { openImages, type Images } from '../../../libs/image/src/index.js';
import { openNodeNetwork } from '../../../libs/network/src/index.js';
import { openRuntime } from '../../../libs/runtime/src/index.js';
import { keepSession, Worker } from '../../../libs/worker/src/index.js';
import type { AgentConfig } from './config.js';
import { FileJournal } from './file-journal.js';
import { grpcLinks } from './grpc-link.js';
import { bootId, describeHost, hostNames } from './host.js';

/** UDP port of the overlay's underlay: the field's standard one. */
const dataPathPort = 4789;

/** Puts the agent together and runs it until the signal is aborted. Containers stay when it ends. */
export async function runAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<void> {
  await using lifetime = new Lifetime();
  const files = requireNodeFiles(config.stateDir);
  const stateDir = join(config.stateDir, 'agent');
  const runDir = join(config.runDir, 'agent');
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await mkdir(runDir, { recursive: true, mode: 0o700 });

  const clock = systemClock;
  const trace = (event: { event: string }) => log.event(event);
  const images = await openImages({ stateDir: join(stateDir, 'images'), insecureRegistries: config.insecureRegistries, trace });
  await preload(images, config.preloadDir, log, signal);
  const runtime = lifetime.own(
    await openRuntime({ stateDir, runDir, shimPath: config.shimPath, cgroupParent: config.cgroupParent, trace, clock, ...(config.userNamespaces ? { userNamespaces: config.userNamespaces } : {}) }),
    (it) => it.close(),
  );
  const network = lifetime.own(
    await openNodeNetwork({
      name: 'shoal',
      stateDir: join(runDir, 'network'),
      dataPathAddress: files.dataPathAddress,
      dataPathPort,
      upstreamDns: config.upstreamDns,
      ...(config.keyLifetimeMs !== undefined && { keyLifetimeMs: config.keyLifetimeMs }),
      trace,
    }),
    (it) => it.close(),
  );
  const description = describeHost({
    ...(config.hostname && { hostname: config.hostname }),
    labels: config.engineLabels,
    generic: config.generic,
  });
  const worker = lifetime.own(
    await Worker.open({
      runtime,
      network,
      images,
      journal: await FileJournal.open(stateDir, runDir),
      clock,
      node: { nodeId: files.nodeId, hostname: description.hostname, architecture: description.architecture, index: 0, ...hostNames() },
      policy: config.policy,
      resources: config.generic,
      trace,
    }),
    (it) => it.close(),
  );
  log.event({ event: 'agent-ready', nodeId: files.nodeId, managers: files.managers });
  await keepSession({
    worker,
    connect: grpcLinks(files, worker, { runtime, files: runtime, volumes: runtime.volumes, images, network, taskOf: (id) => worker.taskOf(id) }, trace),
    managers: files.managers,
    self: { clusterId: files.clusterId, bootId: bootId(), description, advertiseAddress: files.address, dataPathAddress: files.dataPathAddress },
    clock,
    random: systemRandom,
    signal,
    trace,
  });
}

/** Imports the archives that lie in the folder and are not known yet. One that is broken, or finds no room, is named and does not stop the agent. */
async function preload(images: Images, dir: string, log: Log, signal: AbortSignal): Promise<void> {
  let names: string[];
  try {
    names = (await readdir(dir)).filter((name) => name.endsWith('.tar')).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  for (const name of names) {
    try {
      const references = await images.importArchive(join(dir, name), { signal });
      log.event({ event: 'image-preloaded', archive: name, references });
    } catch (error) {
      if (!isRefused(error) && !isTemporary(error)) throw error;
      log.event({ event: 'image-preload-failed', archive: name, error: describeError(error) });
    }
  }
}
