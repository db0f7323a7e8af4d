import { Bell, describeError, Lifetime, Limiter, Milestone, type Clock, type Trace } from '../../base/src/index.js';
import type { Images } from '../../image/src/images.js';
import { compareStates, itemKey, type AssignedFile, type AssignedTask, type AssignmentItem, type EncryptionKey, type NetworkNotice, type TaskStatus, type TaskUsage } from '../../model/src/index.js';
import type { NodeNetwork, NodeNetworkView } from '../../network/src/network.js';
import type { LogLine, LogOptions, Runtime } from '../../runtime/src/runtime.js';
import { containerIdOf, type NodeFacts } from './names.js';
import { obeyed, type AssignmentChange, type Journal } from './journal.js';
import { removeUntilGone, removeUnknown, type LeftoverPorts } from './leftovers.js';
import { itemsOf, networkView } from './network-view.js';
import { permissivePolicy, type NodePolicy } from './node-policy.js';
import type { NodeResource } from './node-resources.js';
import { Reporter } from './reporter.js';
import { measureUsage } from './usage.js';
import { TaskRunner, type RunnerPorts, type TaskContainer, type WorkerEvent } from './task-runner.js';

export interface WorkerOptions {
  runtime: Runtime;
  network: NodeNetwork;
  images: Images;
  journal: Journal;
  clock: Clock;
  node: NodeFacts & { index: number };
  /** What containers may have of the node; absent: everything, as with Docker. */
  policy?: NodePolicy;
  /** The node's generic resources. */
  resources?: readonly NodeResource[];
  trace: Trace<WorkerEvent | { event: 'network-failed' | 'runner-failed'; error: string }>;
}

interface Running {
  runner: TaskRunner;
  lifetime: Lifetime;
  done: Promise<void>;
}

const networkRetryMs = 1_000;
const adoptRetryMs = 1_000;
const networkAuditMs = 30_000;
/** Changes that come thick and fast are applied together: a fifth of the time at most goes into that, and the containers get the processor too. */
const networkRestPerWork = 4;
const maxNetworkRestMs = 200;
/** More at once only wait for each other in the kernel, and fill the memory with what is half done. */
const maxBuilding = 16;

/**
 * The agent's half of the cluster: makes this node run what it was assigned.
 *
 * 1. Assignments are stored before they are acted on.
 * 2. Each task has one runner; a task that leaves the assignments is discarded with all it had.
 * 3. The network is told the whole picture after every change; it never waits for a task, a task waits for it.
 * 4. `close` lets go of everything without touching a container.
 */
export class Worker {
  readonly reporter = new Reporter();
  /** Rings when `appliedVersion` has grown. */
  readonly applied = new Bell();
  #items = new Map<string, AssignmentItem>();
  /** Statuses that an earlier agent left, until the runner of their task takes them. */
  #remembered = new Map<string, TaskStatus>();
  #epoch = 0;
  #version = 0;
  /** Counts complete sets: each begins the versions anew. */
  #series = 0;
  #appliedVersion = 0;
  readonly #running = new Map<string, Running>();
  readonly #lifetime = new Lifetime();
  readonly #networkChanged = new Bell();
  /** How often the network was asked to change, and which of these wishes the kernel has fulfilled. */
  #networkWish = 0;
  readonly #networkFulfilled = new Milestone();
  #networkView: NodeNetworkView | undefined;
  readonly #building = new Limiter(maxBuilding);

  readonly #leftovers: LeftoverPorts;

  private constructor(private readonly options: WorkerOptions) {
    const { runtime, network, clock, trace } = options;
    this.#leftovers = { runtime, network, clock, onFailure: (error) => trace({ event: 'runner-failed', error }) };
  }

  /** Takes up what an earlier agent left: assignments, containers, statuses. */
  static async open(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(options);
    const content = await options.journal.load();
    worker.#epoch = content.epoch;
    worker.#version = content.version;
    for (const item of content.items) worker.#items.set(itemKey(item), item);
    worker.#remembered = content.statuses;
    const known = new Set(itemsOf(worker.#items, 'task').map((task) => containerIdOf(task.id)));
    await removeUnknown(worker.#leftovers, (id) => known.has(id) || worker.#hasRunner(id), worker.#lifetime.signal);
    await worker.#matchRunners();
    // The stored assignments say who we are among the others: names are answered before any manager is back.
    options.node.index ||= itemsOf(worker.#items, 'peer').find(({ nodeId }) => nodeId === options.node.nodeId)?.index ?? 0;
    worker.#askNetwork();
    void worker.#followNetwork();
    return worker;
  }

  /** The highest epoch obeyed so far. */
  get epoch(): number {
    return this.#epoch;
  }

  get version(): number {
    return this.#version;
  }

  /** Under which other nodes reach this one's encrypted networks. */
  get encryptionKeys(): EncryptionKey[] {
    return this.options.network.encryptionKeys();
  }

  /** Rings when these are others. */
  get keysChanged(): Bell {
    return this.options.network.keysChanged;
  }

  /** What people should know of the node's network. */
  get networkNotice(): NetworkNotice {
    return this.options.network.notice();
  }

  /** Rings when it is otherwise. */
  get networkNoticed(): Bell {
    return this.options.network.noticed;
  }

  /** The version that the network agrees with, of those that came since the last complete set; 0: none. */
  get appliedVersion(): number {
    return this.#appliedVersion;
  }

  setIndex(index: number): void {
    this.options.node.index = index;
    this.#askNetwork();
  }

  /** Obeys a full set, or differences. Resolves when they are stored; acting on them goes on by itself. */
  async assign(assignments: AssignmentChange): Promise<void> {
    await this.options.journal.saveAssignments(assignments);
    this.#items = obeyed(this.#items, assignments);
    this.#epoch = assignments.epoch;
    this.#version = assignments.version;
    if (assignments.complete) {
      this.#series++;
      this.#appliedVersion = 0;
    }
    this.#askNetwork();
    await this.#matchRunners();
    if (assignments.complete) await this.#forgetRemembered();
  }

  /** What the containers have used whose services follow their use. */
  usage(): Promise<TaskUsage[]> {
    return measureUsage(this.options.runtime, itemsOf(this.#items, 'task'));
  }

  logs(taskId: string, options: LogOptions): AsyncIterable<LogLine> {
    return this.options.runtime.logs(containerIdOf(taskId), options);
  }

  /** What is known of the task that a container belongs to; undefined: it belongs to none. */
  taskOf(containerId: string): TaskContainer | undefined {
    for (const { runner } of this.#running.values()) if (runner.containerId === containerId) return runner.container;
    return undefined;
  }

  async close(): Promise<void> {
    await this.#lifetime.end();
    await Promise.all([...this.#running.values()].map(({ lifetime, done }) => lifetime.end().then(() => done)));
  }

  /** Resolves when each new task's runner has looked at what is already here for it. */
  async #matchRunners(): Promise<void> {
    const wanted = itemsOf(this.#items, 'task');
    for (const [taskId, running] of this.#running) if (!this.#items.has(itemKey({ kind: 'task', key: taskId }))) this.#discard(taskId, running);
    const added: Promise<void>[] = [];
    for (const task of wanted) {
      const running = this.#running.get(task.id);
      if (running) running.runner.update(task);
      else added.push(this.#run(task));
    }
    await Promise.all(added);
  }

  async #run(task: AssignedTask): Promise<void> {
    const last = this.#remembered.get(task.id);
    this.#remembered.delete(task.id);
    const runner = new TaskRunner(task, last, this.#ports());
    const lifetime = new Lifetime();
    const adopted = this.#adopt(runner, task.id);
    const done = adopted
      .then(async (succeeded) => {
        if (!succeeded) await this.#adoptLater(runner, task.id, lifetime.signal);
        await runner.run(lifetime.signal);
      })
      .catch((error: unknown) => {
        if (!lifetime.signal.aborted) this.options.trace({ event: 'runner-failed', error: `task ${task.id}: ${describeError(error)}` });
      });
    this.#running.set(task.id, { runner, lifetime, done });
    await adopted;
  }

  /** One task that cannot be looked at keeps no other from being taken up. */
  async #adopt(runner: TaskRunner, taskId: string): Promise<boolean> {
    try {
      await runner.adopt();
      return true;
    } catch (error) {
      this.options.trace({ event: 'runner-failed', error: `looking for what is here of task ${taskId}: ${describeError(error)}` });
      return false;
    }
  }

  async #adoptLater(runner: TaskRunner, taskId: string, signal: AbortSignal): Promise<void> {
    do await this.options.clock.sleep(adoptRetryMs, signal);
    while (!(await this.#adopt(runner, taskId)));
  }

  #discard(taskId: string, { runner, lifetime, done }: Running): void {
    this.#running.delete(taskId);
    void lifetime
      .end()
      .then(() => done)
      .then(() => removeUntilGone(this.#leftovers, runner.containerId, (id) => this.#hasRunner(id), this.#lifetime.signal))
      .then(() => this.options.journal.forget(taskId))
      .catch((error: unknown) => this.options.trace({ event: 'runner-failed', error: `discarding task ${taskId}: ${describeError(error)}` }))
      .finally(() => this.reporter.forget(taskId));
  }

  /** After a complete set, what an earlier agent wrote down about any other task is of no use. */
  async #forgetRemembered(): Promise<void> {
    for (const taskId of this.#remembered.keys()) await this.options.journal.forget(taskId);
    this.#remembered.clear();
  }

  #hasRunner(containerId: string): boolean {
    return [...this.#running.values()].some(({ runner }) => runner.containerId === containerId);
  }

  #askNetwork(): void {
    this.#networkWish++;
    this.#networkChanged.ring();
  }

  /** Tells the network the whole picture: after every change, and now and then to repair what others have damaged. */
  async #followNetwork(): Promise<void> {
    const { signal } = this.#lifetime;
    const { node, network, clock, trace } = this.options;
    while (!signal.aborted) {
      const cancelAudit = clock.after(networkAuditMs, () => this.#networkChanged.ring());
      try {
        await this.#networkChanged.wait(signal);
        if (node.index === 0) continue; // not welcomed yet
        const [wish, series, version] = [this.#networkWish, this.#series, this.#version];
        const startedMs = clock.monotonicMs();
        this.#networkView = networkView(this.#items, node, (id) => this.#running.get(id)?.runner.status.state, this.#networkView);
        await network.apply(this.#networkView, signal);
        this.#networkFulfilled.reach(wish);
        this.#noteApplied(series, version);
        await clock.sleep(Math.min(maxNetworkRestMs, networkRestPerWork * (clock.monotonicMs() - startedMs)), signal);
      } catch (error) {
        if (signal.aborted) return;
        trace({ event: 'network-failed', error: describeError(error) });
        await clock.sleep(networkRetryMs, signal).catch(() => undefined);
        this.#networkChanged.ring();
      } finally {
        cancelAudit();
      }
    }
  }

  #noteApplied(series: number, version: number): void {
    // Before the first complete set (series 0) the versions are those of a session that is over.
    if (series === 0 || series !== this.#series || version === this.#appliedVersion) return;
    this.#appliedVersion = version;
    this.applied.ring();
  }

  /** That a task starts must be written down first. Of what comes later the manager hears even when the disk is full. */
  async #store(taskId: string, status: TaskStatus): Promise<void> {
    try {
      await this.options.journal.saveStatus(taskId, status);
    } catch (error) {
      if (status.state === 'starting') throw error;
      this.options.trace({ event: 'runner-failed', error: `task ${taskId}: its state ${status.state} is reported, but could not be stored: ${describeError(error)}` });
    }
  }

  #ports(): RunnerPorts {
    const { runtime, network, images, clock, node, trace } = this.options;
    const file = (kind: 'secret' | 'config', id: string) => this.#items.get(`${kind}/${id}`)?.value as AssignedFile | undefined;
    return {
      runtime,
      network,
      images,
      clock,
      node,
      trace,
      policy: this.options.policy ?? permissivePolicy,
      resources: this.options.resources ?? [],
      neighbours: () => [...this.#running.values()].map(({ runner }) => runner.neighbour),
      claims: () => [...this.#running.values()].map(({ runner }) => runner.claim),
      building: this.#building,
      nodeAddress: () => itemsOf(this.#items, 'peer').find(({ nodeId }) => nodeId === node.nodeId)?.address,
      networks: () => itemsOf(this.#items, 'network'),
      networkReady: (signal) => this.#networkFulfilled.wait(this.#networkWish, signal),
      secret: (id) => file('secret', id),
      config: (id) => file('config', id),
      report: async (taskId, status) => {
        // What has not started yet is prepared anew after a restart of the agent: not worth remembering.
        if (compareStates(status.state, 'starting') >= 0) await this.#store(taskId, status);
        this.reporter.report(taskId, status);
      },
    };
  }
}
