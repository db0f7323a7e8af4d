import type { Change } from '../../model/src/index.js';
import type { Machine } from './machine.js';
import type { Manager } from './manager.js';
import type { Happening } from './story.js';
import { Users } from './users.js';
import type { World } from './world.js';

export interface StageEvents {
  /** Something that must never happen. */
  onBug: (what: string) => void;
  /** A user was told that these changes are stored. */
  onStored: (changes: readonly Change[]) => void;
}

/** Lets the events of a story happen. */
export class Stage {
  readonly #users: Users;
  /** Ends what is not over yet. */
  readonly #repairs = new Set<() => void>();

  constructor(
    private readonly world: World,
    private readonly hear: StageEvents,
  ) {
    this.#users = new Users(world, hear.onStored);
  }

  /** Switches everything on; the first nodes join. */
  begin(): void {
    for (const manager of this.world.managers) manager.start();
    for (const machine of this.world.machines) this.#join(machine);
  }

  happen(event: Happening): void {
    const wish = this.#users.wishOf(event);
    if (wish) return this.#users.start(wish, this.hear.onBug);
    switch (event.kind) {
      case 'add-node':
        return this.#join(this.world.addMachine());
      case 'remove-node':
        return this.#retire(this.#machine(event.node));
      case 'container-ends':
        return void this.#endContainer(event.choice, event.code).catch((error: unknown) => this.hear.onBug(String(error)));
      case 'power-cut':
      case 'agent-crash':
      case 'agent-freeze':
      case 'link-cut':
      case 'slow-link':
      case 'network-trouble':
        return this.#trouble(this.#machine(event.node), event);
      case 'manager-crash':
      case 'manager-freeze':
      case 'store-trouble':
        return this.#troubleManager(this.#manager(event.manager), event);
    }
  }

  /** Everything that is broken is mended. */
  repair(): void {
    for (const repair of [...this.#repairs]) repair();
  }

  #join(machine: Machine): void {
    const stamp = this.world.timestamp();
    const stamps = { createdAt: stamp, updatedAt: stamp };
    const create: Change = {
      action: 'create',
      kind: 'node',
      object: {
        ...stamps,
        id: machine.nodeId,
        index: Number(machine.nodeId.slice(1)),
        spec: { labels: { disk: machine.nodeId.endsWith('2') ? 'hdd' : 'ssd' }, role: 'worker', availability: 'active' },
        status: { state: 'unknown', message: 'joined, not connected yet', address: '', dataPathAddress: '' },
      },
    };
    this.#users.ask((view) => (view.get('node', machine.nodeId) || machine.isRetired ? [] : [create])).then(
      () => machine.switchOn(),
      (error: unknown) => this.hear.onBug(`joining: ${String(error)}`),
    );
  }

  /** Switched off for good, then removed with force. One node always stays. */
  #retire(machine: Machine | undefined): void {
    if (!machine || this.world.machines.filter(({ isRetired }) => !isRetired).length <= 2) return;
    machine.isRetired = true;
    machine.switchOff();
    this.#users.ask(this.#users.removeNode(machine.nodeId)).catch((error: unknown) => this.hear.onBug(`removing ${machine.name}: ${String(error)}`));
  }

  async #endContainer(choice: number, code: number): Promise<void> {
    const running: { machine: Machine; id: string }[] = [];
    for (const machine of this.world.machines) {
      if (!machine.power) continue;
      for (const { id, state } of await machine.runtime.list()) if (state === 'running') running.push({ machine, id });
    }
    const victim = running[choice % Math.max(1, running.length)];
    victim?.machine.runtime.exit(victim.id, { code });
  }

  #trouble(machine: Machine | undefined, event: Extract<Happening, { node: number; forMs: number }>): void {
    if (!machine) return;
    const { cable } = machine;
    switch (event.kind) {
      case 'power-cut':
        machine.switchOff();
        return this.#later(event.forMs, () => machine.switchOn());
      case 'agent-crash':
        machine.stopAgent();
        return this.#later(event.forMs, () => machine.startAgent());
      case 'agent-freeze': {
        const { agent } = machine;
        agent?.freeze();
        return this.#later(event.forMs, () => agent?.thaw());
      }
      case 'link-cut':
        cable.upIsCut ||= event.way !== 'down';
        cable.downIsCut ||= event.way !== 'up';
        return this.#later(event.forMs, () => {
          cable.upIsCut = cable.downIsCut = false;
          cable.flush();
        });
      case 'slow-link':
        cable.slowMs = event.slowMs;
        return this.#later(event.forMs, () => (cable.slowMs = 0));
      case 'network-trouble':
        machine.networkFailsUntilMs = this.world.nowMs + event.forMs;
        return this.#later(event.forMs, () => (machine.networkFailsUntilMs = 0));
    }
  }

  #troubleManager(manager: Manager | undefined, event: Extract<Happening, { manager: number | 'leader' }>): void {
    if (!manager) return;
    switch (event.kind) {
      case 'manager-crash':
        this.world.killManager(manager);
        return this.#later(event.forMs, () => manager.start());
      case 'manager-freeze': {
        const { process } = manager;
        process?.freeze();
        return this.#later(event.forMs, () => process?.thaw());
      }
      case 'store-trouble':
        manager.mood = event.mood;
        return this.#later(event.forMs, () => (manager.mood = 'fine'));
    }
  }

  #later(ms: number, repair: () => unknown): void {
    const once = () => {
      if (!this.#repairs.delete(once)) return;
      repair();
    };
    this.#repairs.add(once);
    this.world.clock.after(ms, once);
  }

  #machine(number: number): Machine | undefined {
    const present = this.world.machines.filter(({ isRetired }) => !isRetired);
    return present[number % present.length];
  }

  #manager(which: number | 'leader'): Manager | undefined {
    return which === 'leader' ? this.world.leader : this.world.managers[which % this.world.managers.length];
  }
}
