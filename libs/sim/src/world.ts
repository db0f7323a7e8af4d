import { Temporary, timestamp, VirtualClock } from '../../base/src/index.js';
import type { ControlEvent, SessionsEvent, Subsystem } from '../../control/src/index.js';
import type { Connect } from '../../worker/src/index.js';
import { Authority } from './authority.js';
import type { Decision } from './checks/check.js';
import { Connection } from './connection.js';
import { Dice } from './dice.js';
import { Machine, type ContainerEvent } from './machine.js';
import { clusterId, Manager } from './manager.js';
import type { Process } from './process.js';
import type { Story } from './story.js';

/** Makes parts of the cluster worse, to see that a checker notices. */
export interface Mutation {
  subsystem?: (subsystem: Subsystem) => Subsystem;
  machine?: (machine: Machine) => void;
}

export interface WorldOptions {
  mutation?: Mutation;
  onContainer: (event: ContainerEvent) => void;
  onDecision: (decision: Decision) => void;
  /** Something that must never happen, seen by the code itself. */
  onBug: (what: string) => void;
  onEvent: (manager: string, event: ControlEvent | SessionsEvent) => void;
}

/** Everything that exists in one simulation. */
export class World {
  readonly clock = new VirtualClock();
  readonly authority = new Authority(this.clock);
  readonly managers: Manager[] = [];
  readonly machines: Machine[] = [];
  readonly dice: Dice;

  constructor(
    story: Pick<Story, 'seed' | 'nodes' | 'managers'>,
    private readonly options: WorldOptions,
  ) {
    this.dice = new Dice(story.seed, 'world');
    for (let number = 1; number <= story.managers; number++) this.managers.push(this.#newManager(`manager-${number}`));
    for (let number = 0; number < story.nodes; number++) this.addMachine();
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  get leader(): Manager | undefined {
    return this.managers.find(({ leads }) => leads);
  }

  machine(nodeId: string): Machine | undefined {
    return this.machines.find((machine) => machine.nodeId === nodeId);
  }

  addMachine(): Machine {
    const index = this.machines.length + 1;
    const dice = this.dice.for(`machine ${index}`);
    const machine = new Machine({
      nodeId: `n${index}`,
      index,
      clusterId,
      managers: this.managers.map(({ name }) => name),
      world: this.clock,
      dice,
      wallOffsetMs: dice.between(-400, 400),
      connect: (owner, agent) => this.#connect(owner, agent, dice),
      onContainer: this.options.onContainer,
      onTrouble: ({ name }, error) => this.options.onBug(`${name}: ${error}`),
    });
    this.options.mutation?.machine?.(machine);
    this.machines.push(machine);
    return machine;
  }

  #newManager(name: string): Manager {
    const dice = this.dice.for(name);
    return new Manager({
      name,
      world: this.clock,
      dice,
      authority: this.authority,
      wallOffsetMs: dice.between(-400, 400),
      subsystem: (subsystem) => this.#observed(this.options.mutation?.subsystem?.(subsystem) ?? subsystem),
      onEvent: this.options.onEvent,
      onEnd: (manager, error) => {
        this.options.onBug(`${name} ended: ${error}`);
        manager.kill();
        this.clock.after(1_000, () => manager.start());
      },
    });
  }

  killManager(manager: Manager): void {
    const { process } = manager;
    manager.kill();
    for (const machine of this.machines) {
      for (const connection of machine.cable.connections) if (connection.manager === process) connection.managerDied();
    }
  }

  #connect(machine: Machine, agent: Process, dice: Dice): Connect {
    return (address, received) => {
      const manager = this.managers.find(({ name }) => name === address)!;
      if (!manager.process || !machine.cable.isWhole) return noLink(machine.cable.isWhole ? 1 : 5_000, agent);
      return new Connection(this.clock, dice, machine.cable, agent, manager.process, manager.accept(machine.nodeId), received).open();
    };
  }

  #observed({ name, decide }: Subsystem): Subsystem {
    return {
      name,
      decide: (view, context) => {
        const result = decide(view, context);
        this.options.onDecision({ subsystem: name, view, changes: result.changes });
        return result;
      },
    };
  }

  /** The time in a store's words. */
  timestamp(): string {
    return timestamp(this.clock.wallMs());
  }
}

function noLink(afterMs: number, agent: Process): ReturnType<Connect> {
  const ended = agent.clock.sleep(afterMs).then(() => {
    throw new Temporary('no connection');
  });
  return { ended, send: () => undefined, serve: () => undefined, close: () => undefined };
}
