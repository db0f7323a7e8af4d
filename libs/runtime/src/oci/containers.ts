import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { Refused, systemClock, Temporary, type Clock } from '../../../base/src/index.js';
import { Cgroups } from '../cgroup/cgroups.js';
import { probeHost, type HostFacts } from '../host-facts.js';
import { compileInside, compileProcess, identityFiles } from '../launch-program.js';
import { processNamespace } from '../namespaces.js';
import { launchOptions, protocolVersion } from '../operations.js';
import { seccompProgram } from '../seccomp/filter.js';
import { convertHooks, convertNamespaces, convertSpec } from './convert.js';
import { execGroups } from './exec-groups.js';
import { compileEntry, compileExecProcess, convertAffinity } from './exec.js';
import { fitMountLabel, fitToHost } from './fit-to-host.js';
import { cgroupPathOf, groupName, isFrozenByVersion1, thawElsewhere } from './group-path.js';
import { runHooks } from './hooks.js';
import { Launcher } from './launcher.js';
import { proxyNotifications, supervisorSocket, withNotifySocket } from './notify-socket.js';
import { convertProcess, userOf } from './process.js';
import { isAlive, sendSignal } from './process-table.js';
import { checkId, checkProcess, readSpec } from './read-spec.js';
import { convertResources } from './resources.js';
import { compileListener, convertSeccomp, hasListener } from './seccomp.js';
import type { HookPoint, SeccompChoice } from '../container-config.js';
import { describeStatistics } from './statistics.js';
import { ociVersion, type OciProcess, type OciResources, type OciSpec, type OciState, type OciStatus } from './spec.js';
import { giveStartWord, isWaiting } from './start-socket.js';
import { ownerOf } from './streams-owner.js';
import { StateStore, type StoredContainer } from './state.js';

export interface CreateOptions {
  bundle: string;
  /** Its config, when that is not `config.json` in it. */
  config?: string;
  pidFile?: string;
  consoleSocket?: string;
  preservedDescriptors: number;
  /** What socket activation adds to the environment. */
  extraEnvironment: string[];
  /** The launcher stays as the parent of the process and tells its end: `run` in the foreground. */
  stay: boolean;
}

export interface ExecOptions extends Omit<CreateOptions, 'bundle' | 'config'> {
  /** A paused container's process waits until the container goes on. */
  evenPaused: boolean;
  /** Groups below the container's own, by controller; '' is for all others. */
  groups: ReadonlyMap<string, string>;
}

const SIGKILL = 9;
const killPatienceMs = 10_000;
const pollMs = 10;
const eventPollMs = 100;

/** The containers below one `--root`, as the OCI command line knows them: all that lasts is in their folders. */
export class OciContainers {
  readonly store: StateStore;
  readonly facts: HostFacts;
  readonly clock: Clock = systemClock;

  constructor(
    readonly root: string,
    readonly shimPath: string,
    readonly owner: string,
    readonly warn: (message: string) => void,
  ) {
    this.store = new StateStore(root);
    this.facts = probeHost(shimPath);
  }

  /** Makes everything but the execve of its program. */
  async create(id: string, options: CreateOptions): Promise<{ container: StoredContainer; launcher: Launcher }> {
    checkId(id);
    const spec = readSpec(options.bundle, options.config);
    this.#checkConsole(spec, options);
    this.store.reserve(id);
    const container: StoredContainer = {
      version: 1, id, bundle: options.bundle, pid: 0, startTime: 0, cgroupPath: cgroupPathOf(spec, id),
      created: new Date(this.clock.wallMs()).toISOString(), spec, owner: this.owner,
    };
    try {
      return { container, launcher: await this.#launch(container, options) };
    } catch (error) {
      await this.#destroy(container);
      throw error;
    }
  }

  #checkConsole({ process }: OciSpec, { consoleSocket, stay }: CreateOptions): void {
    if (process?.terminal && !consoleSocket && !stay) throw new Refused('invalid', 'cannot allocate tty if runc will detach without setting console socket: give --console-socket');
    if (!process?.terminal && consoleSocket) throw new Refused('invalid', 'cannot use console socket if runc will not detach or allocate tty: process.terminal is not set');
  }

  async #launch(container: StoredContainer, options: CreateOptions): Promise<Launcher> {
    const { id, spec } = container;
    const cgroups = this.#cgroups(container);
    this.#lookAtGroup(container, cgroups);
    const placement = cgroups.create(groupName(container), convertResources(spec.linux?.resources ?? {}), true);
    const place = { id, bundle: options.bundle, directory: this.store.directory(id), cgroupPath: container.cgroupPath, preservedDescriptors: options.preservedDescriptors, hostEnvironment: hostEnvironment() };
    const config = convertSpec(withNotifySocket(this.#fit(spec), supervisorSocket(process.env), place.directory), place, this.facts, placement);
    config.process.env.push(...options.extraEnvironment);
    const { cloneFlags, path } = processNamespace(config);
    const launcher = Launcher.start(this.facts.shimPath, options.preservedDescriptors, config.process.argv[0] ?? '');
    const head = ['launch', protocolVersion, cloneFlags, 0, 0n, options.preservedDescriptors, launchBits(options.stay, config.seccomp) | (config.userOwnsNamespaces ? launchOptions.userProcess : 0), this.store.startSocket(id), options.consoleSocket ?? '', path] as const;
    launcher.send([head, ...compileInside(config), ...identityFiles]);
    const { pid, startTime } = await launcher.until('state');
    Object.assign(container, { pid, startTime });
    this.store.write(container);
    const [passwd = ''] = await launcher.files(identityFiles.length);
    await this.#runHooks(container, 'prestart', 'creating');
    await this.#runHooks(container, 'createRuntime', 'creating');
    const user = userOf(spec.process ?? { cwd: '/' }, passwd, spec.annotations, process.getgroups?.());
    const inputOf = (status: OciStatus) => JSON.stringify(this.#describe(container, status));
    const hookInputs = { createContainer: inputOf('creating'), startContainer: inputOf('created') };
    const program = seccompProgram(config.seccomp, config.capabilities.bounding, this.facts);
    // At once: a program that fails in its middle reads no second part.
    launcher.send([...compileListener(config.seccomp, pid, this.#describe(container, 'creating')), ...compileProcess(config, user, program, hookInputs)]);
    await launcher.until('created');
    if (options.pidFile) writeFileSync(options.pidFile, String(pid));
    return launcher;
  }

  #fit({ process, linux, ...spec }: OciSpec): OciSpec {
    const { mountLabel: given, ...rest } = linux!;
    const mountLabel = fitMountLabel(given, this.facts, this.warn);
    return { ...spec, ...(process ? { process: fitToHost(process, this.facts, this.warn) } : {}), linux: { ...rest, ...(mountLabel ? { mountLabel } : {}) } };
  }

  /** Without the words that the container itself has had already. */
  #fitExec(given: OciProcess, spec: OciSpec): OciProcess {
    const told = new Set<string>();
    if (spec.process) fitToHost(spec.process, this.facts, (message) => told.add(message));
    return fitToHost(given, this.facts, (message) => told.has(message) || this.warn(message));
  }

  /** Somebody else's group, which may well be a mistake of the caller's. */
  #lookAtGroup(container: StoredContainer, cgroups: Cgroups): void {
    const isFrozen = cgroups.isFrozen(groupName(container)) || isFrozenByVersion1(this.facts.cgroups, container.cgroupPath);
    container.sharesGroup = isFrozen;
    if (isFrozen) throw new Refused('precondition', "container's cgroup unexpectedly frozen");
    const others = cgroups.pids(groupName(container)).length;
    if (others === 0) return;
    container.sharesGroup = true;
    this.warn(`container's cgroup is not empty: ${others} process(es) found`);
  }

  /** @param foreground our caller's supervisor goes on to supervise us */
  async start(id: string, foreground = false): Promise<void> {
    const container = this.store.require(id);
    const status = this.status(container);
    if (status !== 'created') throw new Refused('precondition', status === 'stopped' ? 'cannot start a container that has stopped' : `cannot start an already ${status} container`);
    if (!container.spec.process) throw new Refused('precondition', 'cannot start a container without a process: config.json has none');
    const proxy = await proxyNotifications(this.facts.shimPath, supervisorSocket(process.env), this.store.directory(id), container.pid, !foreground);
    await giveStartWord(this.store.startSocket(id), container.spec.process?.args?.[0] ?? '');
    await this.#runHooks(container, 'poststart', 'running', this.warn);
    if (!foreground) await proxy?.done();
  }

  state(id: string): OciState {
    const container = this.store.require(id);
    return this.#describe(container, this.status(container));
  }

  status({ id, pid, startTime, ...container }: StoredContainer): OciStatus {
    if (pid === 0) return 'creating';
    if (!isAlive(pid, startTime)) return 'stopped';
    if (isWaiting(this.store.startSocket(id))) return 'created';
    return this.#cgroups(container).isFrozen(groupName(container)) ? 'paused' : 'running';
  }

  kill(id: string, signal: number, all: boolean): void {
    const container = this.store.require(id);
    if (all) {
      for (const pid of this.processes(id)) sendSignal(pid, signal);
      return;
    }
    if (this.status(container) === 'stopped') throw new Refused('precondition', 'container not running');
    if (signal === SIGKILL && !hasOwnProcessIds(container.spec)) this.#cgroups(container).kill(groupName(container));
    sendSignal(container.pid, signal);
  }

  async delete(id: string, force: boolean): Promise<void> {
    const container = this.store.find(id);
    if (!container) {
      if (force && !existsSync(this.store.directory(id))) return;
      if (force) return this.store.remove(id);
      throw new Refused('not-found', `container does not exist: ${id}`);
    }
    const status = this.status(container);
    if (!force && status !== 'stopped' && status !== 'created') throw new Refused('precondition', `cannot delete container ${id} that is not stopped: ${status}`);
    await this.#destroy(container);
    await this.#runHooks(container, 'poststop', 'stopped', this.warn);
  }

  async #destroy(container: StoredContainer): Promise<void> {
    const { id, pid, startTime } = container;
    const cgroups = this.#cgroups(container);
    if (isAlive(pid, startTime)) {
      sendSignal(pid, SIGKILL);
      const deadlineMs = this.clock.monotonicMs() + killPatienceMs;
      while (isAlive(pid, startTime)) {
        if (cgroups.isFrozen(groupName(container))) cgroups.thaw(groupName(container));
        thawElsewhere(pid, this.facts.cgroups);
        if (this.clock.monotonicMs() > deadlineMs) throw new Temporary(`process ${pid} of container ${id} does not end`);
        await this.clock.sleep(pollMs);
      }
    }
    if (!container.sharesGroup) await cgroups.remove(groupName(container));
    this.store.remove(id);
  }

  processes(id: string): number[] {
    const container = this.store.require(id);
    return this.#cgroups(container).pids(groupName(container));
  }

  async pause(id: string): Promise<void> {
    const container = this.store.require(id);
    const status = this.status(container);
    if (status !== 'running' && status !== 'created') throw new Refused('precondition', `container not running: it is ${status}`);
    await this.#cgroups(container).freeze(groupName(container));
  }

  resume(id: string): void {
    const container = this.store.require(id);
    if (this.status(container) !== 'paused') throw new Refused('precondition', 'container not paused');
    this.#cgroups(container).thaw(groupName(container));
  }

  update(id: string, resources: OciResources): void {
    const container = this.store.require(id);
    if (this.status(container) === 'stopped') throw new Refused('precondition', 'container not running: it has stopped');
    this.#cgroups(container).update(groupName(container), convertResources(resources));
  }

  statistics(id: string): object {
    const container = this.store.require(id);
    if (this.status(container) === 'stopped') throw new Refused('precondition', `container not running: ${id} has stopped`);
    return describeStatistics(this.#cgroups(container).stats(groupName(container)));
  }

  /** Statistics now and then, and each time that the kernel killed for want of memory; ends with the container. */
  async *events(id: string, intervalMs: number): AsyncGenerator<object> {
    const container = this.store.require(id);
    if (this.status(container) === 'stopped') throw new Refused('precondition', `container not running: ${id} has stopped`);
    let kills = this.#oomKills(container);
    let nextMs = this.clock.monotonicMs();
    while (this.store.find(id) && this.status(container) !== 'stopped') {
      const now = this.#oomKills(container);
      if (now > kills) yield { type: 'oom', id };
      kills = now;
      if (this.clock.monotonicMs() >= nextMs) {
        yield { type: 'stats', id, data: this.statistics(id) };
        nextMs += intervalMs;
      }
      await this.clock.sleep(Math.min(intervalMs, eventPollMs));
    }
    if (this.#oomKills(container) > kills) yield { type: 'oom', id };
  }

  #oomKills(container: StoredContainer): number {
    return this.#cgroups(container).stats(groupName(container)).memory.oomKills;
  }

  /** Runs one process more. Resolves when it runs; with `stay` its launcher tells its end. */
  async exec(id: string, given: OciProcess, options: ExecOptions): Promise<Launcher> {
    const container = this.store.require(id);
    const status = this.status(container);
    if (status === 'paused' && !options.evenPaused) throw new Refused('precondition', 'cannot exec in a paused container (use --ignore-paused to override)');
    if (status !== 'running' && status !== 'created' && status !== 'paused') throw new Refused('precondition', `cannot exec in a ${status} container: container not running`);
    if (given.terminal && !options.consoleSocket && !options.stay) throw new Refused('invalid', 'cannot allocate tty if runc will detach without setting console socket: give --console-socket');
    const part = convertProcess(this.#fitExec(checkProcess(given), container.spec), options.preservedDescriptors, this.facts.heldCapabilities);
    part.process.env.push(...options.extraEnvironment);
    const launcher = Launcher.start(this.facts.shimPath, options.preservedDescriptors, part.process.argv[0] ?? '');
    const { pid, startTime, spec } = container;
    const choice = convertSeccomp(spec.linux?.seccomp);
    const place = {
      pid, startTime, namespaces: convertNamespaces(spec.linux?.namespaces ?? []), procsFiles: execGroups(this.facts.cgroups, container.cgroupPath, options.groups),
      affinity: convertAffinity(given.execCPUAffinity), consoleSocket: options.consoleSocket ?? '', preservedDescriptors: options.preservedDescriptors, options: launchBits(options.stay, choice), ...ownerOf(pid, given, spec),
    };
    launcher.send(compileEntry(place));
    const { pid: execPid } = await launcher.until('state');
    const [passwd = ''] = await launcher.files(identityFiles.length);
    const user = userOf(given, passwd, spec.annotations, process.getgroups?.());
    const program = seccompProgram(choice, part.capabilities.bounding, this.facts);
    launcher.send([...compileListener(choice, execPid, this.#describe(container, status)), ...compileExecProcess(part, user, { choice, program })]);
    await launcher.until('started');
    if (options.pidFile) writeFileSync(options.pidFile, String(execPid));
    return launcher;
  }

  #cgroups({ cgroupPath }: Pick<StoredContainer, 'cgroupPath'>): Cgroups {
    return new Cgroups(this.facts.cgroups, posix.dirname(cgroupPath), this.clock, this.facts.shimPath);
  }

  #describe({ id, pid, bundle, spec }: StoredContainer, status: OciStatus): OciState {
    return { ociVersion, id, status, pid: status === 'stopped' ? 0 : pid, bundle, ...(spec.annotations ? { annotations: spec.annotations } : {}) };
  }

  /** @param warn of hooks that change nothing any more: told what failed, and the others run all the same */
  async #runHooks(container: StoredContainer, point: HookPoint, status: OciStatus, warn?: (message: string) => void): Promise<void> {
    await runHooks(convertHooks(container.spec.hooks ?? {}, hostEnvironment())[point], point, this.#describe(container, status), warn);
  }
}

function hostEnvironment(): string[] {
  return Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`);
}

function launchBits(stay: boolean, seccomp: SeccompChoice): number {
  return (stay ? launchOptions.stay : 0) | (hasListener(seccomp) ? launchOptions.seccompListener : 0);
}

function hasOwnProcessIds({ linux }: OciSpec): boolean {
  return linux?.namespaces?.some(({ type, path }) => type === 'pid' && !path) ?? false;
}
