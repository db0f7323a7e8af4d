import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeError, KeyedSequencer, Refused, systemClock, type Clock, type Trace } from '../../base/src/index.js';
import { changeableLimitsOf, type ChangeableLimits, type ResourceLimits } from '../../model/src/index.js';
import { writeFilesPlan } from './archive/files-plan.js';
import { LinuxContainerFiles, type FilesPlace } from './archive/linux-container-files.js';
import { Cgroups } from './cgroup/cgroups.js';
import { resourcesInstead, resourcesOfLimits } from './cgroup/from-limits.js';
import { treeOf } from './cgroup/layout.js';
import { groupPath, readGroupPath, writeGroupPath } from './cgroup/group-path.js';
import { attachTo } from './attach.js';
import type { ContainerConfig, MountSource } from './container-config.js';
import { ContainerHandle } from './container-handle.js';
import { ContainerLogs } from './container-logs.js';
import { planContainer } from './container-plan.js';
import { prepareDirectories, readExit, readRecord, rewriteRecord, type ContainerRecord, writeEtcFile, writeRecord } from './container-record.js';
import { planResources } from './container-resources.js';
import { findDevices } from './device-sources.js';
import { planEtcFiles } from './etc-files.js';
import { executeIn, startExecIn, type ExecTarget } from './exec.js';
import { probeHost, type HostFacts } from './host-facts.js';
import { noFindings, type IsolationFindings, type UserNamespaceOptions } from './isolation-plan.js';
import { findJoinedNamespaces } from './joined-namespaces.js';
import type { LogPlan } from './log-plan.js';
import { machineCpu, machineMemoryBytes, networkCounts } from './machine-counts.js';
import { MountSources } from './mount-sources.js';
import { describeProcesses } from './processes.js';
import type {
  AttachOptions, ContainerExit, ContainerProcess, ContainerRequest, ContainerStats, ContainerStatus, ExecRequest, ExecResult, ExecSession, LogLine, LogOptions, PathChange, PathStat, ProcessStreams,
  Runtime, StartExecRequest, WriteArchiveOptions,
} from './runtime.js';
import { seccompProgram } from './seccomp/filter.js';
import { terminalLength } from './shim-streams.js';
import { signalNumber } from './signals.js';
import { makeSkeleton } from './skeleton.js';
import { planUserMounts, type UserMount } from './user-mounts.js';
import { NodeVolumes } from './volumes/node-volumes.js';
import { Volumes } from './volumes/volumes.js';
import { Zygote, type ZygoteEvent } from './zygote.js';

export type RuntimeEvent = ZygoteEvent | { event: 'container-adopted'; id: string; state: string } | { event: 'container-removed' | 'container-oom'; id: string } | { event: 'log-compression-failed'; id: string; text: string };

export interface RuntimeOptions {
  /** Folder of the containers' writable layers and logs, on a disk. */
  stateDir: string;
  /** Folder of what lasts until the next boot, best in memory: small files that come and go with every container. Absent: `stateDir`. */
  runDir?: string;
  /** The built `shoal-shim`. */
  shimPath: string;
  /** Path below every cgroup hierarchy's root, such as `shoal/node-1`. No two agents share one. */
  cgroupParent: string;
  trace: Trace<RuntimeEvent>;
  clock?: Clock;
  /** Absent: containers have the host's user namespace unless they ask for their own. */
  userNamespaces?: UserNamespaceOptions;
  /** Of journald's native protocol; absent: systemd's. */
  journalSocket?: string;
  /** Folder of named volumes; absent: `volumes` beside `stateDir`. */
  volumesDir?: string;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const SIGKILL = 9;
const gonePatienceMs = 10_000;

/** Opens the runtime of this machine and adopts the containers that it finds. */
export async function openRuntime(options: RuntimeOptions): Promise<LinuxRuntime> {
  const runtime = new LinuxRuntime(options);
  await runtime.open();
  return runtime;
}

export class LinuxRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #containersDirectory: string;
  readonly #layersDirectory: string;
  readonly #skeleton: string;
  readonly #logs: ContainerLogs;
  readonly #facts: HostFacts;
  readonly #cgroups: Cgroups;
  readonly volumes: NodeVolumes;
  readonly #volumes: Volumes;
  readonly #sources: MountSources;
  readonly #zygote: Zygote;
  readonly #files: LinuxContainerFiles;
  readonly #containers = new Map<string, ContainerHandle>();
  /** Of each container: where its cgroups are. */
  readonly #groups = new Map<string, string>();
  readonly #oomListeners = new Set<(id: string) => void>();
  readonly #sequencer = new KeyedSequencer();

  constructor(readonly options: RuntimeOptions) {
    const stateDir = resolve(options.stateDir);
    this.#clock = options.clock ?? systemClock;
    const runDir = resolve(options.runDir ?? stateDir);
    this.#containersDirectory = join(runDir, 'containers');
    this.#layersDirectory = join(stateDir, 'writable');
    this.#skeleton = join(stateDir, 'skeleton');
    for (const directory of [stateDir, this.#containersDirectory, this.#layersDirectory]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#logs = new ContainerLogs(join(stateDir, 'logs'), options.journalSocket ?? '/run/systemd/journal/socket');
    makeSkeleton(this.#skeleton);
    this.#facts = probeHost(resolve(options.shimPath));
    this.#cgroups = new Cgroups(this.#facts.cgroups, options.cgroupParent, this.#clock, this.#facts.shimPath);
    this.#volumes = new Volumes(resolve(options.volumesDir ?? join(dirname(stateDir), 'volumes')), this.#clock, (name) => this.#usersOfVolume(name));
    this.volumes = new NodeVolumes(this.#volumes, (name, job) => this.#sequencer.run(volumeKey(name), job));
    this.#sources = new MountSources(this.#volumes, this.#facts);
    this.#zygote = new Zygote(this.#facts.shimPath, runDir, options.trace);
    this.#files = new LinuxContainerFiles(this.#zygote, (id) => this.#filesPlace(id));
  }

  async open(): Promise<void> {
    await this.#zygote.start();
    await this.list();
    await this.#removeLostLayers();
    await this.#removeLostVolumes();
  }

  /** Anonymous volumes, and mounts of others, whose containers an earlier agent could not take away to the end. */
  async #removeLostVolumes(): Promise<void> {
    this.#volumes.sweep();
    for (const { name, anonymous } of this.#volumes.list()) {
      if (anonymous && this.#usersOfVolume(name).length === 0) await this.#volumes.remove(name);
      else await this.#volumes.release(name);
    }
  }

  /** Writable layers of containers that a reboot has ended. */
  async #removeLostLayers(): Promise<void> {
    for (const id of await readdir(this.#layersDirectory)) {
      if (!existsSync(this.#directory(id))) await rm(this.#layer(id), { recursive: true, force: true });
    }
  }

  async create(request: ContainerRequest, signal: AbortSignal): Promise<void> {
    checkId(request.id);
    const mounts = planUserMounts(request);
    // Two containers never fill the same new volume at once, and none lets go of what another is about to use.
    const volumes = new Set(mounts.flatMap((mount) => (mount.type === 'volume' ? [volumeKey(mount.source)] : [])));
    const log = await this.#logs.plan(request);
    await this.#inTurn([request.id, ...[...volumes].sort()], () => this.#create(request, mounts, log, signal));
  }

  #inTurn(keys: readonly string[], job: () => Promise<void>): Promise<void> {
    return keys.reduceRight((next, key) => () => this.#sequencer.run(key, next), job)();
  }

  async #create(request: ContainerRequest, mounts: readonly UserMount[], log: LogPlan, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { id } = request;
    const directory = this.#directory(id);
    if (existsSync(directory)) throw new Refused('already-exists', `container ${id} exists already`);
    const handle = this.#newHandle(id, undefined);
    const sources: MountSource[] = [];
    this.#containers.set(id, handle);
    try {
      for (const mount of mounts) sources.push(await this.#sources.resolve(mount));
      const config = this.#prepare(request, directory, log, sources, await this.#findIsolation(request));
      const anonymousVolumes = sources.filter(({ anonymous }) => anonymous).map(({ volume }) => volume!);
      const volumes = sources.flatMap(({ volume }) => volume ?? []);
      handle.record = writeRecord(config, { name: request.name, labels: request.labels, limits: changeableLimitsOf(request.limits), bootId: this.#facts.bootId, volumes, anonymousVolumes, ipcIsShareable: request.spec.ipcMode === 'shareable' });
      writeFilesPlan(directory, config);
      await handle.launch(this.#zygote, config, seccompProgram(config.seccomp, config.capabilities.bounding, this.#facts), signal);
    } catch (error) {
      // A volume that was only half filled must not pass for a filled one.
      await this.#erase(handle, false);
      for (const { volume, isNew } of sources) if (volume) await (isNew ? this.#volumes.remove(volume) : this.#volumes.release(volume));
      throw asRefusal(error, id);
    } finally {
      for (const { release } of sources) release?.();
    }
  }

  /** Folders, files and groups; then the plan that names them. */
  #prepare(request: ContainerRequest, directory: string, log: LogPlan, sources: readonly MountSource[], findings: IsolationFindings): ContainerConfig {
    const layer = this.#layer(request.id);
    prepareDirectories(directory, layer);
    const group = request.spec.cgroupParent ? groupPath(request.spec.cgroupParent, request.id) : request.id;
    if (group !== request.id) writeGroupPath(directory, group);
    this.#groups.set(request.id, group);
    for (const { name, text } of planEtcFiles(request, hostsOfMachine(request))) writeEtcFile(directory, name, text);
    this.#logs.prepare(request.id);
    const placement = this.#cgroups.create(group, planResources(request, findings.devices));
    return planContainer(request, this.#facts, { directory, layer, skeleton: this.#skeleton, log }, placement, sources, findings);
  }

  async #findIsolation({ spec }: ContainerRequest): Promise<IsolationFindings> {
    const userNamespaces = this.options.userNamespaces ?? noFindings.userNamespaces;
    const joined = await findJoinedNamespaces(spec, async (id) => this.#require(id));
    return { devices: spec.privileged || spec.devices ? findDevices(spec) : [], joined, userNamespaces };
  }

  start(id: string): Promise<{ pid: number }> {
    return this.#sequencer.run(id, async () => {
      const handle = await this.#require(id);
      await handle.start();
      return { pid: handle.pid };
    });
  }

  async wait(id: string, signal: AbortSignal): Promise<ContainerExit> {
    return (await this.#require(id)).wait(signal);
  }

  async signal(id: string, signal: string): Promise<void> {
    const number = signalNumber(signal);
    const handle = await this.#find(id);
    handle?.signal(number);
    // Version 1 holds back even this one.
    if (handle?.state === 'paused' && number === SIGKILL) this.#cgroups.thaw(this.#group(id));
  }

  remove(id: string, options: { keepLogs?: boolean } = {}): Promise<void> {
    return this.#sequencer.run(id, async () => {
      checkId(id);
      const handle = await this.#find(id);
      if (handle) {
        await this.#erase(handle, options.keepLogs ?? false);
        await this.#leaveVolumes(handle);
      }
      if (!handle && !options.keepLogs) await this.#logs.remove(id);
    });
  }

  async #leaveVolumes({ record }: ContainerHandle): Promise<void> {
    for (const name of record?.volumes ?? record?.anonymousVolumes ?? []) {
      const isLost = record!.anonymousVolumes.includes(name);
      await this.#sequencer.run(volumeKey(name), () => (isLost ? this.#volumes.remove(name) : this.#volumes.release(name)));
    }
  }

  /** A container uses its volumes from when its record names them until nothing is left of it. */
  #usersOfVolume(name: string): string[] {
    return [...this.#containers.values()].flatMap(({ id, record }) => (record?.volumes?.includes(name) || record?.anonymousVolumes.includes(name) ? [id] : []));
  }

  /** Processes first, then what they used. */
  async #erase(handle: ContainerHandle, keepLogs: boolean): Promise<void> {
    const { id } = handle;
    this.#files.abandon(id);
    this.#cgroups.kill(this.#group(id));
    await handle.gone(gonePatienceMs);
    await this.#cgroups.remove(this.#group(id));
    await rm(this.#layer(id), { recursive: true, force: true });
    if (!keepLogs) await this.#logs.remove(id);
    // Last: as long as it is there, a successor finds the container, and takes away what is left.
    await rm(handle.directory, { recursive: true, force: true });
    this.#containers.delete(id);
    this.#groups.delete(id);
    this.options.trace({ event: 'container-removed', id });
  }

  async status(id: string): Promise<ContainerStatus | undefined> {
    return (await this.#find(id))?.status();
  }

  async list(): Promise<ContainerStatus[]> {
    const entries = await readdir(this.#containersDirectory);
    const handles = await Promise.all(entries.map((id) => this.#find(id)));
    return handles.filter((handle) => handle !== undefined).map((handle) => handle.status());
  }

  async exec(id: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    return executeIn(this.#zygote, await this.#execTarget(id), request, signal);
  }

  async startExec(id: string, request: StartExecRequest, signal: AbortSignal): Promise<ExecSession> {
    return startExecIn(this.#zygote, await this.#execTarget(id), request, signal);
  }

  async #execTarget(id: string): Promise<ExecTarget> {
    const { pid, startTime, record } = await this.#requireRunning(id);
    const seccomp = seccompProgram(record.process.seccomp, BigInt(`0x${record.process.capabilities}`), this.#facts);
    return { pid, startTime, record, procsFiles: this.#cgroups.procsFiles(this.#group(id)), seccomp, heldCapabilities: this.#facts.heldCapabilities };
  }

  async attach(id: string, { stdin, signal }: AttachOptions): Promise<ProcessStreams> {
    const handle = await this.#require(id);
    const { record } = handle;
    if (handle.state === 'exited' || !record) throw new Refused('precondition', `container ${id} is not running`);
    if (stdin && !record.process.openStdin) throw new Refused('precondition', `the standard input of container ${id} is not open`);
    try {
      return await attachTo({ directory: handle.directory, kinds: { input: stdin, terminal: record.process.terminal }, subject: `container ${id}` }, this.#clock, signal);
    } catch (error) {
      // It has ended between our look and our call, and we have not heard of it yet.
      if (readExit(handle.directory)) throw new Refused('precondition', `container ${id} is not running`, { cause: error });
      throw error;
    }
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    const handle = await this.#require(id);
    if (!handle.record?.process.terminal) throw new Refused('precondition', `container ${id} has no terminal`);
    handle.resize(terminalLength(rows), terminalLength(columns));
  }

  #newHandle(id: string, record: ContainerRecord | undefined): ContainerHandle {
    const handle = new ContainerHandle(id, this.#directory(id), this.#clock, record, () => this.#cgroups.kill(this.#group(id)));
    handle.onOom = () => this.#tellOom(id);
    handle.onLogRotated = () => this.#compressLogs(handle);
    return handle;
  }

  #compressLogs(handle: ContainerHandle): void {
    const compressed = this.#sequencer.run(`logs of ${handle.id}`, () => this.#logs.compress(handle.id, (inode, twin) => handle.replaceLog(inode, twin)));
    compressed.catch((error: unknown) => this.options.trace({ event: 'log-compression-failed', id: handle.id, text: describeError(error) }));
  }

  async #requireRunning(id: string): Promise<ContainerHandle & { record: ContainerRecord }> {
    const handle = await this.#require(id);
    if (handle.state === 'paused') throw new Refused('precondition', `container ${id} is paused: unpause it first`);
    if (handle.state !== 'running' || !handle.record) throw new Refused('precondition', `container ${id} is not running`);
    return handle as ContainerHandle & { record: ContainerRecord };
  }

  pause(id: string): Promise<void> {
    return this.#sequencer.run(id, async () => {
      const handle = await this.#require(id);
      if (handle.state !== 'running') throw new Refused('precondition', `container ${id} is ${handle.state}, not running`);
      await this.#cgroups.freeze(this.#group(id));
      if (handle.state === 'running') handle.state = 'paused';
    });
  }

  resume(id: string): Promise<void> {
    return this.#sequencer.run(id, async () => {
      const handle = await this.#require(id);
      if (handle.state !== 'paused') throw new Refused('precondition', `container ${id} is ${handle.state}, not paused`);
      this.#cgroups.thaw(this.#group(id));
      handle.state = 'running';
    });
  }

  update(id: string, limits: ResourceLimits): Promise<void> {
    return this.#sequencer.run(id, async () => {
      await this.#requireLiving(id);
      this.#cgroups.update(this.#group(id), resourcesOfLimits(limits));
    });
  }

  replaceLimits(id: string, limits: ChangeableLimits): Promise<void> {
    return this.#sequencer.run(id, async () => {
      const handle = await this.#requireLiving(id);
      this.#cgroups.update(this.#group(id), resourcesInstead(limits, (controller) => treeOf(this.#cgroups.layout, controller) !== undefined));
      if (handle.record) rewriteRecord(handle.directory, (handle.record = { ...handle.record, limits }));
    });
  }

  async stats(id: string): Promise<ContainerStats> {
    const { pid } = await this.#requireLiving(id);
    const counts = this.#cgroups.stats(this.#group(id));
    return {
      ...counts,
      readAtMs: this.#clock.wallMs(),
      cpu: { ...counts.cpu, ...machineCpu() },
      memory: { ...counts.memory, limitBytes: Math.min(counts.memory.limitBytes || Infinity, machineMemoryBytes()) },
      networks: networkCounts(pid),
    };
  }

  async top(id: string): Promise<ContainerProcess[]> {
    const { state } = await this.#requireLiving(id);
    if (state !== 'running' && state !== 'paused') throw new Refused('precondition', `container ${id} is ${state}, not running`);
    return describeProcesses(this.#cgroups.pids(this.#group(id)));
  }

  onOom(listener: (id: string) => void): () => void {
    this.#oomListeners.add(listener);
    return () => this.#oomListeners.delete(listener);
  }

  logs(id: string, options: LogOptions): AsyncIterable<LogLine> {
    checkId(id);
    const ended = async () => {
      const handle = await this.#find(id);
      if (handle) await handle.wait(options.signal);
    };
    return this.#logs.read(id, this.#containers.get(id)?.record?.log, options, ended);
  }

  statPath(id: string, path: string, signal: AbortSignal): Promise<PathStat> {
    return this.#files.statPath(id, path, signal);
  }

  readArchive(id: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; tar: AsyncIterable<Buffer> }> {
    return this.#files.readArchive(id, path, signal);
  }

  writeArchive(id: string, path: string, tar: AsyncIterable<Buffer>, options: WriteArchiveOptions, signal: AbortSignal): Promise<void> {
    return this.#files.writeArchive(id, path, tar, options, signal);
  }

  changes(id: string, signal: AbortSignal): Promise<PathChange[]> {
    return this.#files.changes(id, signal);
  }

  exportRoot(id: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.#files.exportRoot(id, signal);
  }

  writableLayer(id: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.#files.writableLayer(id, signal);
  }

  async close(): Promise<void> {
    await this.#zygote.close();
    for (const handle of this.#containers.values()) {
      handle.closing = true;
      handle.close();
    }
    this.#cgroups.close();
  }

  /** What this process knows, or else what is on disk, adopted. */
  async #find(id: string): Promise<ContainerHandle | undefined> {
    const known = this.#containers.get(id);
    if (known) return known;
    if (!idPattern.test(id) || !existsSync(this.#directory(id))) return undefined;
    return this.#sequencer.run(`adopt ${id}`, () => this.#adopt(id));
  }

  async #adopt(id: string): Promise<ContainerHandle> {
    const known = this.#containers.get(id);
    if (known) return known;
    const directory = this.#directory(id);
    const handle = this.#newHandle(id, readRecord(directory));
    await handle.adopt();
    if (handle.state === 'running' && this.#cgroups.isFrozen(this.#group(id))) handle.state = 'paused';
    this.#containers.set(id, handle);
    this.options.trace({ event: 'container-adopted', id, state: handle.state });
    return handle;
  }

  async #require(id: string): Promise<ContainerHandle> {
    const handle = await this.#find(id);
    if (!handle) throw new Refused('not-found', `no such container: ${id}`);
    return handle;
  }

  #tellOom(id: string): void {
    this.options.trace({ event: 'container-oom', id });
    for (const listener of this.#oomListeners) listener(id);
  }

  async #requireLiving(id: string): Promise<ContainerHandle> {
    const handle = await this.#require(id);
    if (handle.state === 'exited') throw new Refused('precondition', `container ${id} has exited`);
    return handle;
  }

  async #filesPlace(id: string): Promise<FilesPlace> {
    const { state, pid, startTime, directory } = await this.#require(id);
    const lives = state !== 'exited' && pid > 0;
    return { directory, layer: this.#layer(id), ...(lives ? { live: { pid, startTime } } : {}) };
  }

  #directory(id: string): string {
    return join(this.#containersDirectory, id);
  }

  /** Its path below this agent's own cgroup. */
  #group(id: string): string {
    const known = this.#groups.get(id) ?? readGroupPath(this.#directory(id)) ?? id;
    this.#groups.set(id, known);
    return known;
  }

  #layer(id: string): string {
    return join(this.#layersDirectory, id);
  }

}

/** What the system refuses while a container is prepared (a full disk, a missing layer) is for the user to read. */
function asRefusal(error: unknown, id: string): unknown {
  const isSystemError = error instanceof Error && 'syscall' in error;
  return isSystemError ? new Refused('precondition', `cannot create container ${id}`, { cause: error }) : error;
}

function volumeKey(name: string): string {
  return `volume ${name}`;
}

/** Read anew each time: it changes while we run. */
function hostsOfMachine({ spec }: ContainerRequest): string {
  return spec.networkMode === 'host' && existsSync('/etc/hosts') ? readFileSync('/etc/hosts', 'utf8') : '';
}

function checkId(id: string): void {
  if (!idPattern.test(id)) throw new Refused('invalid', `"${id}" is no container id`);
}
