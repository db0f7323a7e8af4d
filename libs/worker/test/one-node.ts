import { VirtualClock } from '../../base/src/index.js';
import { FakeImages } from '../../image/src/fake-images.js';
import type { AssignedNetwork, AssignedTask, AssignmentItem, TaskState } from '../../model/src/index.js';
import { aTemplate } from '../../model/src/testing/index.js';
import { FakeNodeNetwork } from '../../network/src/fake-network.js';
import type { Attachment, LocalContainer, NodeNetworkView } from '../../network/src/network.js';
import { FakeRuntime, type FakeBehavior } from '../../runtime/src/fake-runtime.js';
import { containerIdOf, MemoryJournal, Worker, type WorkerOptions } from '../src/index.js';

export type TaskParts = Partial<Omit<AssignedTask, 'template'>> & { template?: Parameters<typeof aTemplate>[0] };

/** Slot 1 of `web` unless said otherwise, wanted to run, in no network. */
export function assigned({ template, ...parts }: TaskParts = {}): AssignmentItem {
  const value: AssignedTask = {
    id: 'task-1',
    serviceId: 'service-web',
    serviceName: 'web',
    slot: 1,
    desiredState: 'running',
    startAfterMs: 0,
    networks: [],
    hostPorts: [],
    serviceLabels: {},
    ...parts,
    template: aTemplate(template),
  };
  return { kind: 'task', key: value.id, value };
}

/** A network whose answers a test can hold back, or let fail. */
export class HeldNetwork extends FakeNodeNetwork {
  beforeApply: (view: NodeNetworkView) => Promise<void> = async () => undefined;
  beforeAttach: () => Promise<void> = async () => undefined;

  override async apply(view: NodeNetworkView, signal: AbortSignal): Promise<void> {
    await this.beforeApply(view);
    return super.apply(view, signal);
  }

  override async attach(container: LocalContainer, networks: readonly AssignedNetwork[], signal: AbortSignal): Promise<Attachment> {
    await this.beforeAttach();
    return super.attach(container, networks, signal);
  }
}

/** One node over fakes. It outlives its agents: `restart` opens a new worker over the same node. */
export class OneNode {
  readonly clock = new VirtualClock();
  /** What the container of a task does. */
  readonly behaviors = new Map<string, FakeBehavior>();
  readonly runtime = new FakeRuntime({ clock: this.clock, behave: ({ labels }) => this.behaviors.get(labels['com.docker.swarm.task.id']!) ?? {} });
  readonly network = new HeldNetwork();
  readonly images = new FakeImages();
  readonly journal = new MemoryJournal();
  /** Everything that was reported, in order: `task-1 running`. */
  readonly reports: string[] = [];
  /** What went wrong without ending anything. */
  readonly troubles: string[] = [];
  /** As the agent knows it when it starts; 0: a manager has to tell. */
  index = 1;
  worker!: Worker;
  #version = 0;

  constructor(private readonly options: Pick<WorkerOptions, 'policy' | 'resources'> = {}) {
    this.images.publish('shoal/whoami:1');
  }

  static async open(options?: Pick<WorkerOptions, 'policy' | 'resources'>): Promise<OneNode> {
    const node = new OneNode(options);
    await node.start();
    return node;
  }

  async start(): Promise<void> {
    const trace: WorkerOptions['trace'] = (event) => {
      if (event.event === 'task-status') this.reports.push(`${event.taskId} ${event.state}${event.error && `: ${event.error}`}`);
      else if ('error' in event) this.troubles.push(event.error);
    };
    const { clock, runtime, network, images, journal } = this;
    this.worker = await Worker.open({ runtime, network, images, journal, clock, trace, node: { nodeId: 'node-a', hostname: 'alpha', index: this.index }, ...this.options });
    await this.settle();
  }

  async restart(): Promise<void> {
    await this.worker.close();
    await this.start();
  }

  /** The whole set. */
  async assign(...items: AssignmentItem[]): Promise<void> {
    await this.worker.assign({ epoch: 1, complete: true, version: ++this.#version, put: items, remove: [] });
    await this.settle();
  }

  /** A difference. */
  async change(put: AssignmentItem[], remove: Pick<AssignmentItem, 'kind' | 'key'>[] = []): Promise<void> {
    await this.worker.assign({ epoch: 1, complete: false, version: ++this.#version, put, remove });
    await this.settle();
  }

  /** Lets everything happen that needs no time but the rest after a network change. */
  settle(): Promise<void> {
    return this.clock.advance(0);
  }

  /** States that the task went through, in the order of their reports. */
  states(taskId = 'task-1'): string[] {
    return this.reports.filter((line) => line.startsWith(`${taskId} `)).map((line) => line.slice(taskId.length + 1));
  }

  state(taskId = 'task-1'): TaskState | undefined {
    return this.status(taskId)?.state;
  }

  /** The newest status, as the next session's inventory would tell it. */
  status(taskId = 'task-1') {
    return this.worker.reporter.inventory().find((report) => report.taskId === taskId)?.status;
  }

  /** Calls of the runtime about a task's container, without its id. */
  calls(taskId = 'task-1'): string[] {
    const id = containerIdOf(taskId);
    return this.runtime.calls.filter((call) => call.includes(id)).map((call) => call.replace(` ${id}`, ''));
  }

  /** What exists on the node for tasks: containers and network attachments. */
  async leftovers(): Promise<string[]> {
    const containers = (await this.runtime.list()).map(({ id, state }) => `container ${this.#taskOf(id)} ${state}`);
    return [...containers, ...(await this.network.attached()).map((id) => `network ${this.#taskOf(id)}`)];
  }

  #taskOf(containerId: string): string {
    return this.runtime.request(containerId)?.labels['com.docker.swarm.task.id'] ?? ['task-1', 'task-2', 'task-3'].find((id) => containerIdOf(id) === containerId) ?? containerId;
  }
}

/** A promise that the test resolves. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
