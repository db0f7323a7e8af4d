import { Bell, describeError, isRefused, isTemporary, sameJson, timestamp, type Trace } from '../../base/src/index.js';
import type { LocalImage } from '../../image/src/images.js';
import { changeableLimitsOf, defaults, isTerminal, type AssignedTask, type ChangeableLimits, type ContainerSpec, type TaskStatus } from '../../model/src/index.js';
import type { ContainerExit } from '../../runtime/src/runtime.js';
import { buildContainer, type BuildPorts } from './build-container.js';
import { claimOf, joinedContainers } from './container-request.js';
import { orAbort, withDeadline } from './deadline.js';
import { healthPlan } from './health.js';
import { watchHealth } from './health-watch.js';
import { isToStop, nextStep, type Observed, type Step, type StopCause } from './next-step.js';
import { containerIdOf } from './names.js';
import { isAttached } from './network-view.js';
import type { Claim } from './node-resources.js';
import { exitStatus } from './outcome.js';
import type { Neighbour } from './shared-namespaces.js';

/** What a runner works with. */
export interface RunnerPorts extends BuildPorts {
  /** Stores and reports a status. */
  report(taskId: string, status: TaskStatus): Promise<void>;
  trace: Trace<WorkerEvent>;
}

export type WorkerEvent =
  | { event: 'task-step'; taskId: string; step: Step['kind'] }
  | { event: 'task-status'; taskId: string; state: TaskStatus['state']; error: string }
  | { event: 'step-failed'; taskId: string; error: string };

export interface TaskContainer {
  spec: ContainerSpec;
  /** In Docker's words. */
  health: Exclude<Observed['health'], 'ailing'>;
}

const cleanUpRetryMs = 1_000;
const pullDeadlineMs = 15 * 60_000;
const startDeadlineMs = 60_000;
const drainDeadlineMs = 5_000;
const killRetryMs = 5_000;
const limitsRetryMs = 10_000;

/**
 * Runs one task: observe, take the next step, carry it out, look again.
 *
 * 1. One step at a time; a newer wish of the manager interrupts a step that prepares, and nothing else.
 * 2. A status is stored before it is reported, and reported before the next step.
 * 3. Ending the runner (`signal`) leaves the container as it is.
 */
export class TaskRunner {
  readonly containerId: string;
  #task: AssignedTask;
  #observed: Observed;
  #exit: ContainerExit | undefined;
  #image: LocalImage | undefined;
  #pid = 0;
  #stopCause: StopCause | undefined;
  #healthOutput = '';
  #claim: Claim = {};
  #joined: string[] = [];
  /** Those of its container; undefined: not known, or the kernel has refused others. */
  #limits: ChangeableLimits | undefined;
  /** Why they are not those of its task; empty: they are, as far as is known. */
  #limitsTrouble = '';
  #preparing: AbortController | undefined;
  readonly #bell = new Bell();
  /** Ends what listens to the container: with its exit, or with the runner. */
  readonly #watch = new AbortController();

  constructor(
    task: AssignedTask,
    last: TaskStatus | undefined,
    private readonly ports: RunnerPorts,
  ) {
    this.#task = task;
    this.containerId = containerIdOf(task.id);
    this.#pid = last?.container?.pid ?? 0;
    const status = last ?? { state: 'assigned', timestamp: timestamp(ports.clock.wallMs()), message: 'assigned', error: '' };
    this.#observed = { status, container: 'none', health: 'none', stopped: false };
  }

  get status(): TaskStatus {
    return this.#observed.status;
  }

  /** What of its task matters to whoever looks at its container. */
  get container(): TaskContainer {
    return { spec: this.#task.template.container, health: this.#observed.health === 'ailing' ? 'healthy' : this.#observed.health };
  }

  /** As others on the node see it. */
  get neighbour(): Neighbour {
    return { task: this.#task, isRunning: this.#observed.container === 'running' };
  }

  /** What it has of the node's resources. */
  get claim(): Claim {
    return this.#claim;
  }

  /** The manager's newest wish. */
  update(task: AssignedTask): void {
    if (task === this.#task) return; // most tasks of a difference are not in it
    this.#task = task;
    this.#compareLimits();
    if (isToStop(task)) this.#preparing?.abort(new Error('the task is no longer wanted'));
    this.#bell.ring();
  }

  /** Takes up what an earlier agent left of this task. Before `run`; again when it fails. */
  async adopt(): Promise<void> {
    await this.ports.report(this.#task.id, this.status); // every assigned task is in the inventory
    const found = await this.ports.runtime.status(this.containerId);
    if (found?.state === 'running' || found?.state === 'exited') {
      this.#observed.container = found.state;
      this.#exit = found.exit;
      if (found.pid) this.#pid = found.pid;
      this.#claim = claimOf(found.labels);
      this.#joined = joinedContainers(found.labels);
      if (found.state === 'running') {
        this.#limits = found.limits;
        this.#compareLimits();
        await this.#beginWatch();
      }
      return;
    }
    if (found) await this.ports.runtime.remove(this.containerId); // never started: built anew
    // The earlier agent may have got no further than half of the clean-up.
    if (isTerminal(this.status.state)) this.#assumeLeftovers();
  }

  /** Works until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#watch.abort(), { once: true });
    while (!signal.aborted) {
      const step = nextStep(this.#task, this.#observed, this.ports.clock.wallMs());
      if (step.kind !== 'wait') this.ports.trace({ event: 'task-step', taskId: this.#task.id, step: step.kind });
      try {
        await this.#carryOut(step, signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#fail(error);
      }
    }
  }

  async #carryOut(step: Step, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case 'wait':
        return this.#wait(step.atMs, signal);
      case 'accept':
        return this.#report('accepted', 'accepted');
      case 'prepare':
        return this.#prepare(signal);
      case 'start':
        return this.#start(signal);
      case 'set-limits':
        return this.#setLimits();
      case 'declare-running':
        return this.#report('running', 'started');
      case 'tell-readiness':
        return this.#tellReadiness();
      case 'stop':
        return this.#stop(step.because, signal);
      case 'finish':
        return this.#finish();
      case 'clean-up':
        return this.#cleanUp(signal);
    }
  }

  async #wait(atMs: number | undefined, signal: AbortSignal): Promise<void> {
    const cancel = atMs === undefined ? undefined : this.ports.clock.after(atMs - this.ports.clock.wallMs(), () => this.#bell.ring());
    try {
      await this.#bell.wait(signal);
    } finally {
      cancel?.();
    }
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    await this.#report('preparing', 'preparing');
    if (isToStop(this.#task)) return;
    const preparing = (this.#preparing = new AbortController());
    const { image } = this.#task.template.container;
    const message = `task was not prepared within ${pullDeadlineMs / 60_000} minutes: image ${image}, or the network of the node, takes too long`;
    try {
      await withDeadline(this.ports.clock, { ms: pullDeadlineMs, message, signals: [signal, preparing.signal] }, (all) => this.#build(all));
      await this.#report('ready', 'prepared');
    } catch (error) {
      if (!signal.aborted && preparing.signal.aborted) return; // unwanted meanwhile: the next step ends it
      throw error;
    } finally {
      this.#preparing = undefined;
    }
  }

  async #build(signal: AbortSignal): Promise<void> {
    const limits = changeableLimitsOf(this.#task.template.resources?.limits);
    const { image, joined } = await buildContainer(this.#task, this.ports, (claim) => (this.#claim = claim), signal);
    this.#image = image;
    this.#joined = joined;
    this.#observed.container = 'created';
    this.#limits = limits;
    this.#compareLimits();
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { clock, runtime } = this.ports;
    await this.#report('starting', 'starting');
    const message = `it did not start within ${startDeadlineMs / 1000} s`;
    const { pid } = await withDeadline(clock, { ms: startDeadlineMs, message, signals: [signal] }, (all) => orAbort(runtime.start(this.containerId), all));
    this.#pid = pid;
    this.#observed.container = 'running';
    await this.#beginWatch();
    // Who waits for its start, and not for its health, hears of its process.
    if (this.#observed.health === 'starting') await this.#report('starting', 'starting');
  }

  #compareLimits(): void {
    if (this.#observed.container === 'none' || sameJson(this.#limits, changeableLimitsOf(this.#task.template.resources?.limits))) delete this.#observed.limitsDueMs;
    else this.#observed.limitsDueMs = 0;
  }

  /** What the kernel refuses, such as less memory than is in use, is tried again: the container goes on with the limits that it has. */
  async #setLimits(): Promise<void> {
    const limits = changeableLimitsOf(this.#task.template.resources?.limits);
    try {
      await this.ports.runtime.replaceLimits(this.containerId, limits);
      this.#limits = limits;
      this.#compareLimits();
      if (this.#limitsTrouble !== '') await this.#tellTrouble('');
      this.#limitsTrouble = '';
    } catch (error) {
      if (this.#observed.container === 'exited') return;
      this.#traceFailure(error);
      this.#limits = undefined;
      this.#observed.limitsDueMs = this.ports.clock.wallMs() + limitsRetryMs;
      this.#limitsTrouble = `its limits could not be changed: ${describeError(error)}`;
      await this.#tellTrouble(this.#limitsTrouble);
    }
  }

  /** Changes what the status of a task says is wrong with it, and nothing else of it. */
  async #tellTrouble(error: string): Promise<void> {
    const { status } = this.#observed;
    if (status.error !== error && !isTerminal(status.state)) await this.#reportStatus({ ...status, error });
  }

  /** Since when it runs stays as it is: it goes on running. */
  #tellReadiness(): Promise<void> {
    const { unready: _unready, ...status } = this.#observed.status;
    return this.#reportStatus(this.#observed.health === 'ailing' ? { ...status, unready: true } : status);
  }

  /** Begins to listen for the exit and to check health; both ring the bell. */
  async #beginWatch(): Promise<void> {
    const { runtime, images } = this.ports;
    const { signal } = this.#watch;
    this.#image ??= await images.find(this.#task.template.container.image);
    const plan = healthPlan(this.#task.template.container.healthcheck, this.#image?.config.healthcheck, this.#image?.config.shell);
    if (plan) {
      // An adopted task that already serves has passed its first check.
      const { state, unready } = this.#observed.status;
      const health = state !== 'running' ? 'starting' : unready ? 'ailing' : 'healthy';
      this.#noteHealth(health);
      watchHealth(this.ports, this.containerId, plan, { health, onChange: (changed, output) => this.#noteHealth(changed, output), signal }).catch((error: unknown) => {
        if (!signal.aborted) this.#traceFailure(error);
      });
    }
    for (const id of this.#joined) void this.#watchPartner(id, signal);
    runtime.wait(this.containerId, signal).then(
      (exit) => this.#noteExit(exit),
      (error: unknown) => {
        if (!signal.aborted) this.#noteExit({ code: 137, oomKilled: false, startError: describeError(error), exitedAtMs: this.ports.clock.wallMs() });
      },
    );
  }

  /** A namespace whose container has ended has no way out, or no process that reaps: whoever shares it ends as well, and is made anew. */
  async #watchPartner(id: string, signal: AbortSignal): Promise<void> {
    await this.ports.runtime.wait(id, signal).catch((error: unknown) => {
      if (!signal.aborted && !isRefused(error)) this.#traceFailure(error);
    });
    if (signal.aborted) return;
    this.#observed.partnerLost = true;
    this.#bell.ring();
  }

  #noteHealth(health: Observed['health'], output = ''): void {
    this.#healthOutput = output;
    this.#observed.health = health;
    this.#bell.ring();
  }

  #noteExit(exit: ContainerExit): void {
    this.#watch.abort();
    this.#exit = exit;
    this.#observed.container = 'exited';
    this.#bell.ring();
  }

  /** Stop signal, then the grace period, then SIGKILL until it is gone. */
  async #stop(cause: StopCause | undefined, signal: AbortSignal): Promise<void> {
    const { runtime, clock } = this.ports;
    const spec = this.#task.template.container;
    this.#observed.stopped = true;
    this.#stopCause = cause;
    // The wish to stop came with an endpoint that is draining: first no new connection arrives, then the process is told.
    const message = `the network of the node does not follow within ${drainDeadlineMs / 1000} s; the task is stopped all the same`;
    await withDeadline(clock, { ms: drainDeadlineMs, message, signals: [signal] }, (all) => this.ports.networkReady(all)).catch((error: unknown) => {
      signal.throwIfAborted();
      this.#traceFailure(error);
    });
    await runtime.signal(this.containerId, spec.stopSignal || this.#image?.config.stopSignal || 'SIGTERM');
    const graceMs = (spec.stopGraceNs ?? defaults.stopGraceNs) / 1e6;
    const kill = () => {
      cancel = clock.after(killRetryMs, kill);
      runtime.signal(this.containerId, 'SIGKILL').catch((error: unknown) => this.#traceFailure(error));
    };
    let cancel = clock.after(graceMs, kill);
    try {
      while (this.#observed.container === 'running') await this.#bell.wait(signal);
    } finally {
      cancel();
    }
  }

  async #finish(): Promise<void> {
    const { clock } = this.ports;
    const toStop = isToStop(this.#task);
    if (this.#exit) {
      await this.#reportStatus(
        exitStatus(this.#exit, {
          stopped: this.#observed.stopped || toStop,
          cause: this.#stopCause,
          healthOutput: this.#healthOutput,
          containerId: this.containerId,
          pid: this.#pid,
          limits: this.#task.template.resources?.limits ?? {},
          wallMs: clock.wallMs(),
        }),
      );
    } else if (toStop) {
      await this.#report('shutdown', 'shutdown');
    } else {
      await this.#report('failed', 'started', 'the container is gone: the node was restarted or the container was removed by hand');
    }
    this.#assumeLeftovers();
  }

  async #cleanUp(signal: AbortSignal): Promise<void> {
    try {
      await this.ports.runtime.remove(this.containerId, { keepLogs: true });
      if (isAttached(this.#task)) await this.ports.network.detach(this.containerId);
      this.#observed.container = 'none';
      this.#claim = {};
    } catch (error) {
      this.#traceFailure(error);
      await this.ports.clock.sleep(cleanUpRetryMs, signal);
    }
  }

  /** A step failed: the task ends, in the state that says how far it had come. */
  async #fail(error: unknown): Promise<void> {
    const { state } = this.#observed.status;
    if (isTerminal(state)) return;
    if (!isRefused(error) && !isTemporary(error)) this.#traceFailure(error);
    const started = state === 'starting' || state === 'running';
    this.#assumeLeftovers();
    if (started) await this.#report('failed', state === 'starting' ? 'starting' : 'started', `${state === 'starting' ? 'starting' : 'stopping'} container failed: ${describeError(error)}`);
    else await this.#report('rejected', 'preparing', describeError(error));
  }

  /** A task can end half-made: what there may be of it is taken away by the clean-up that follows every end. */
  #assumeLeftovers(): void {
    if (this.#observed.container === 'none') this.#observed.container = 'created';
  }

  #traceFailure(error: unknown): void {
    this.ports.trace({ event: 'step-failed', taskId: this.#task.id, error: describeError(error) });
  }

  #report(state: TaskStatus['state'], message: string, error = ''): Promise<void> {
    const container = this.#pid || this.#observed.container !== 'none' ? { id: this.containerId, pid: this.#pid } : undefined;
    return this.#reportStatus({ state, message, error, timestamp: timestamp(this.ports.clock.wallMs()), ...(container && { container }) });
  }

  async #reportStatus(status: TaskStatus): Promise<void> {
    this.#observed.status = status;
    this.ports.trace({ event: 'task-status', taskId: this.#task.id, state: status.state, error: status.error });
    await this.ports.report(this.#task.id, status);
  }
}
