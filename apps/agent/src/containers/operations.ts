import { assertNever, Refused } from '../../../../libs/base/src/index.js';
import type { Images } from '../../../../libs/image/src/index.js';
import type { ContainerFacts, ContainerOperation, LiveStates, NetworkFacts } from '../../../../libs/model/src/index.js';
import type { ContainerFiles } from '../../../../libs/runtime/src/archive/container-files.js';
import type { NodeVolumes } from '../../../../libs/runtime/src/volumes/node-volumes.js';
import type { Runtime } from '../../../../libs/runtime/src/runtime.js';
import type { NodeNetwork } from '../../../../libs/network/src/index.js';
import type { TaskContainer } from '../../../../libs/worker/src/index.js';
import type { Channel } from './channel.js';
import { commit } from './commit.js';
import { exportRoot, readArchive, writeArchive } from './files.js';
import { attach, exec } from './processes.js';
import { sendStats } from './stats.js';
import { stopContainer } from './stop.js';

/** What operations work with. */
export interface ContainerPorts {
  runtime: Runtime;
  files: ContainerFiles;
  volumes: NodeVolumes;
  images: Images;
  network: NodeNetwork;
  /** What the worker knows of the task that a container belongs to. */
  taskOf(containerId: string): TaskContainer | undefined;
}

/** Carries out an operation; returns its result. Each says `started` to the channel once, unless it fails before. */
export async function operations(operation: ContainerOperation, id: string, channel: Channel, ports: ContainerPorts): Promise<unknown> {
  const { runtime, files, volumes } = ports;
  const { signal } = channel;
  switch (operation.kind) {
    case 'exec':
      return exec(operation, id, channel, runtime);
    case 'attach':
      return attach(operation, id, channel, runtime);
    case 'stats':
      return sendStats(operation, id, channel, runtime);
    case 'read-archive':
      return readArchive(operation.path, id, channel, files);
    case 'write-archive':
      return writeArchive(operation, id, channel, files);
    case 'export':
      return exportRoot(id, channel, files);
  }
  await channel.started({});
  switch (operation.kind) {
    case 'inspect':
      return inspect(id, ports);
    case 'states':
      return states(ports);
    case 'resize':
      return runtime.resize(id, operation.size.rows, operation.size.columns);
    case 'top':
      return runtime.top(id);
    case 'changes':
      return files.changes(id, signal);
    case 'stat-path':
      return files.statPath(id, operation.path, signal);
    case 'commit':
      return commit(operation, id, ports, signal);
    case 'signal':
      await requireRunning(id, runtime);
      return runtime.signal(id, operation.signal);
    case 'stop':
      return stopContainer(operation, id, ports, signal);
    case 'pause':
      return runtime.pause(id);
    case 'unpause':
      return runtime.resume(id);
    case 'volumes':
      return volumes.list();
    case 'create-volume':
      return volumes.create(operation);
    case 'remove-volume':
      return volumes.remove(operation.name);
    case 'network':
      return networkFacts(operation.probe, ports.network, signal);
    default:
      return assertNever(operation);
  }
}

async function networkFacts(probe: boolean, network: NodeNetwork, signal: AbortSignal): Promise<NetworkFacts> {
  const probes = probe ? await network.probe(signal) : [];
  const { drift, mtu } = network.state();
  return { drift, mtu, probes };
}

async function requireRunning(id: string, runtime: Runtime): Promise<void> {
  const status = await runtime.status(id);
  if (status?.state !== 'running' && status?.state !== 'paused') throw new Refused('precondition', `container ${id} is not running`);
}

async function inspect(id: string, { runtime, images, taskOf }: ContainerPorts): Promise<ContainerFacts> {
  const status = await runtime.status(id);
  const task = taskOf(id);
  const image = task && (await images.find(task.spec.image));
  return {
    ...(status && { state: status.state }),
    pid: status?.pid ?? 0,
    health: task?.health ?? 'none',
    ...(image && {
      image: {
        id: image.id,
        manifestDigest: image.manifestDigest,
        entrypoint: image.config.entrypoint,
        cmd: image.config.cmd,
        env: image.config.env,
        workingDir: image.config.workingDir,
        user: image.config.user,
        stopSignal: image.config.stopSignal ?? '',
        exposedPorts: image.config.exposedPorts,
        volumes: image.config.volumes,
        labels: image.config.labels,
      },
    }),
  };
}

async function states({ runtime, taskOf }: ContainerPorts): Promise<LiveStates> {
  const live = (await runtime.list()).filter(({ state }) => state === 'running' || state === 'paused');
  return Object.fromEntries(live.map(({ id, state }) => [id, { isPaused: state === 'paused', health: taskOf(id)?.health ?? 'none' }]));
}
