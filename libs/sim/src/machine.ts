import { Temporary, type Clock } from '../../base/src/index.js';
import { FakeImages } from '../../image/src/fake-images.js';
import type { NodeDescription } from '../../model/src/index.js';
import { FakeNodeNetwork } from '../../network/src/fake-network.js';
import { FakeRuntime, type FakeBehavior } from '../../runtime/src/fake-runtime.js';
import type { ContainerRequest } from '../../runtime/src/runtime.js';
import { keepSession, MemoryJournal, Worker, type Connect } from '../../worker/src/index.js';
import { Cable } from './connection.js';
import type { Dice } from './dice.js';
import { images } from './images.js';
import { Process } from './process.js';

/** What happens to a container, as it happens. */
export interface ContainerEvent {
  what: 'started' | 'signalled';
  machine: Machine;
  taskId: string;
  serviceId: string;
  signal?: string;
}

export interface MachineOptions {
  nodeId: string;
  index: number;
  clusterId: string;
  managers: readonly string[];
  world: Clock;
  dice: Dice;
  /** How far its clock is off. */
  wallOffsetMs: number;
  connect: (machine: Machine, agent: Process) => Connect;
  onContainer: (event: ContainerEvent) => void;
  onTrouble: (machine: Machine, error: string) => void;
}

/** One host with its kernel, which outlives its agents, and its disk, which outlives its kernel. */
export class Machine {
  readonly cable = new Cable();
  readonly nodeId: string;
  /** Present while it is switched on. */
  power: Process | undefined;
  agent: Process | undefined;
  worker: Worker | undefined;
  runtime!: FakeRuntime;
  network!: FakeNodeNetwork;
  /** Until then every change of its network fails. */
  networkFailsUntilMs = 0;
  /** Left the cluster for good. */
  isRetired = false;
  readonly #images = new FakeImages();
  readonly #journal = new MemoryJournal();
  readonly #running = new Set<string>();
  #starts = 0;

  constructor(private readonly options: MachineOptions) {
    this.nodeId = options.nodeId;
    for (const image of images) if (image.exists) this.#images.publish(image.name);
  }

  get name(): string {
    return `node-${this.options.index}`;
  }

  get description(): NodeDescription {
    const { index } = this.options;
    return {
      hostname: this.name,
      os: 'linux',
      architecture: 'x86_64',
      nanoCpus: 4e9,
      memoryBytes: 8 * 2 ** 30,
      generic: [],
      engineVersion: '0.1.0',
      engineLabels: {},
      kernelVersion: '6.1.0',
      osName: index % 2 === 0 ? 'Debian GNU/Linux 12' : 'Debian GNU/Linux 13',
    };
  }

  /** A kernel without containers; an agent. */
  switchOn(): void {
    if (this.power || this.isRetired) return;
    const { world, dice, index, wallOffsetMs } = this.options;
    const power = (this.power = new Process(`kernel of ${this.name}`, world, wallOffsetMs));
    // What lies in the run folder goes with a reboot: see docs/ARCHITECTURE.md.
    Object.assign(this.#journal.content, { epoch: 0, version: 0, items: [] });
    this.runtime = new FakeRuntime({ clock: power.clock, behave: (request) => this.#behaviorOf(request) });
    this.network = new FakeNodeNetwork();
    this.startAgent(dice.for(`agent ${index}.${this.#starts}`));
  }

  switchOff(): void {
    this.stopAgent();
    this.power?.kill();
    this.#running.clear();
    this.power = undefined;
  }

  startAgent(dice: Dice = this.options.dice.for(`agent ${this.options.index}.${this.#starts}`)): void {
    if (!this.power || this.agent) return;
    this.#starts++;
    const agent = (this.agent = new Process(`agent of ${this.name}`, this.options.world, this.options.wallOffsetMs));
    this.#run(agent, dice).catch((error: unknown) => {
      if (agent.isAlive) this.options.onTrouble(this, `the agent ended: ${(error as Error).stack}`);
    });
  }

  stopAgent(): void {
    this.agent?.kill();
    for (const connection of this.cable.connections) connection.agentDied();
    this.agent = undefined;
    this.worker = undefined;
  }

  /** Does the process of this task's container run? */
  runs(taskId: string): boolean {
    return this.#running.has(taskId);
  }

  async #run(agent: Process, dice: Dice): Promise<void> {
    const { nodeId, clusterId, managers, index } = this.options;
    const power = this.power!;
    const slow = <Port extends object>(port: Port, delays: Delays<Port>) => agent.guard(withDelays(power, dice, port, delays));
    const worker = await Worker.open({
      runtime: slow(this.#watched(this.runtime), { create: [10, 400], start: [5, 200], signal: [1, 10], remove: [5, 100], status: [1, 2], list: [1, 2], exec: [5, 100] }),
      network: slow(this.#fragile(this.network), { apply: [1, 120], attach: [2, 60], detach: [2, 60], attached: [1, 2] }),
      images: slow(this.#images, { ensure: [1, 9_000], find: [1, 1] }),
      journal: slow(this.#journal, { load: [1, 5], saveAssignments: [1, 20], saveStatus: [1, 20], forget: [1, 5] }),
      clock: agent.clock,
      node: { nodeId, hostname: this.name, index: 0 },
      trace: () => undefined,
    });
    this.worker = worker;
    const address = `192.0.2.${index}`;
    await keepSession({
      worker,
      connect: this.options.connect(this, agent),
      managers,
      self: { clusterId, bootId: String(this.#starts), description: this.description, advertiseAddress: address, dataPathAddress: address },
      clock: agent.clock,
      random: dice.random,
      signal: new AbortController().signal,
      trace: () => undefined,
    });
  }

  /** Knows of the container until it ends. */
  #follow(runtime: FakeRuntime, id: string): void {
    const taskId = runtime.request(id)!.labels[taskLabel]!;
    this.#running.add(taskId);
    void runtime.wait(id, new AbortController().signal).then(() => this.#running.delete(taskId));
  }

  #behaviorOf(request: ContainerRequest): FakeBehavior {
    const image = images.find(({ name }) => name === request.spec.image);
    return image?.behave(this.options.dice) ?? {};
  }

  /** Tells of starts and signals. */
  #watched(runtime: FakeRuntime): FakeRuntime {
    const tell = (what: ContainerEvent['what'], id: string, signal?: string) => {
      const labels = runtime.request(id)?.labels;
      if (labels) this.options.onContainer({ what, machine: this, taskId: labels[taskLabel]!, serviceId: labels['com.docker.swarm.service.id']!, ...(signal && { signal }) });
    };
    return intercept(runtime, {
      start: async (id) => {
        const started = await runtime.start(id);
        this.#follow(runtime, id);
        tell('started', id);
        return started;
      },
      signal: async (id, signal) => {
        tell('signalled', id, signal);
        return runtime.signal(id, signal);
      },
    });
  }

  #fragile(network: FakeNodeNetwork): FakeNodeNetwork {
    return intercept(network, {
      apply: async (view, signal) => {
        if (this.options.world.monotonicMs() < this.networkFailsUntilMs) throw new Temporary('the kernel refuses the rules');
        return network.apply(view, signal);
      },
    });
  }
}

export const taskLabel = 'com.docker.swarm.task.id';

type Delays<Port> = { [Method in keyof Port]?: [number, number] };

/** Every call takes its time in the kernel; when the power goes it is never answered. */
function withDelays<Port extends object>(power: Process, dice: Dice, port: Port, delays: Delays<Port>): Port {
  return new Proxy(port, {
    get: (target, property) => {
      const member: unknown = Reflect.get(target, property, target);
      const delay = delays[property as keyof Port];
      if (typeof member !== 'function') return member;
      if (!delay) return member.bind(target);
      return async (...args: unknown[]) => {
        await power.clock.sleep(dice.skewed(delay[0], delay[1]));
        return power.hear(Reflect.apply(member, target, args) as Promise<unknown>);
      };
    },
  });
}

/** The port with some methods replaced. */
function intercept<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, property) => {
      const replaced = methods[property as keyof Port];
      if (replaced !== undefined) return replaced;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
