import { Temporary, type Clock } from '../../base/src/index.js';
import type { AgentEvents, AgentStream } from '../../control/src/index.js';
import type { FromAgent, FromManager } from '../../model/src/index.js';
import { decodeFromAgent, decodeFromManager, dispatcherService, encodeFromAgent, encodeFromManager } from '../../wire/src/index.js';
import type { ManagerLink } from '../../worker/src/index.js';
import type { Dice } from './dice.js';
import type { Process } from './process.js';

/** One node's way to the managers, and what is wrong with it. */
export class Cable {
  upIsCut = false;
  downIsCut = false;
  /** Added to every word's way. */
  slowMs = 0;
  readonly connections = new Set<Connection>();

  get isWhole(): boolean {
    return !this.upIsCut && !this.downIsCut;
  }

  /** What waited travels on. */
  flush(): void {
    for (const connection of this.connections) connection.flush();
  }
}

/** What a manager of the simulation offers an agent that calls; undefined: it does not lead. */
export type Accept = (stream: AgentStream) => AgentEvents | undefined;

const keepaliveMs = 10_000;
/** So many words on their way fill the stream. */
const window = 4;

/**
 * A stream between an agent and a manager: as a TCP connection behaves.
 *
 * 1. Words of one direction arrive in order, each later than it was sent; a cut direction holds them back.
 * 2. A side that hears nothing for two keepalive periods gives the connection up; what was on its way is lost.
 * 3. A word that was sent before the sender let go may still arrive, even after those of a newer connection.
 * 4. Words travel as bytes, so that nobody shares memory. A report may arrive twice.
 */
export class Connection {
  readonly #up: Lane;
  readonly #down: Lane;
  #agent: AgentEvents | undefined;
  #accepted = false;
  #agentIsOpen = true;
  #managerIsOpen = true;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #agentSilence = 0;
  #managerSilence = 0;

  constructor(
    private readonly world: Clock,
    private readonly dice: Dice,
    private readonly cable: Cable,
    private readonly node: Process,
    readonly manager: Process,
    private readonly accept: Accept,
    private readonly received: (word: FromManager) => void,
  ) {
    this.#up = new Lane(world, dice, () => cable.slowMs, () => !cable.upIsCut);
    this.#down = new Lane(world, dice, () => cable.slowMs, () => !cable.downIsCut);
    cable.connections.add(this);
    this.#keepAlive();
  }

  /** The agent's end. */
  open(): ManagerLink {
    const ended = new Promise<void>((resolve, reject) => (this.#settle = { resolve, reject }));
    return {
      ended,
      send: (word) => this.#sendUp(word),
      serve: () => undefined,
      close: () => this.#agentLetsGo(),
    };
  }

  /** The agent believes that it is connected. */
  get isHeld(): boolean {
    return this.#agentIsOpen && this.node.isAlive;
  }

  flush(): void {
    this.#up.flush();
    this.#down.flush();
  }

  /** The manager's process is gone: its host answers with a reset, if it can be heard. */
  managerDied(): void {
    this.#managerIsOpen = false;
    this.#down.carry(() => this.#agentHears(new Temporary('connection reset')));
  }

  /** The agent's process is gone. */
  agentDied(): void {
    this.#agentIsOpen = false;
    this.#up.carry(() => this.#managerHearsEnd());
  }

  #sendUp(word: FromAgent): void {
    if (!this.#agentIsOpen) return;
    const bytes = dispatcherService.session.requestSerialize(encodeFromAgent(word));
    const deliver = () => this.manager.deliver(() => this.#managerHears(bytes));
    this.#up.carry(deliver);
    if (((word.kind === 'statuses' && !word.full) || word.kind === 'applied') && this.dice.chance(2)) this.#up.carry(deliver);
  }

  #managerHears(bytes: Buffer): void {
    if (!this.#managerIsOpen) return;
    if (!this.#accepted) {
      this.#accepted = true;
      this.#agent = this.accept(this.#managerEnd());
      if (!this.#agent) return this.#refuse(new Temporary('this manager does not lead: ask another'));
    }
    const word = decodeFromAgent(dispatcherService.session.requestDeserialize(bytes));
    if (word) this.#agent?.received(word);
  }

  #managerEnd(): AgentStream {
    return {
      send: (word) => this.#sendDown(word),
      end: () => this.#managerEnds(() => this.#agentHears(undefined)),
      fail: (error) => this.#refuse(error as Error),
    };
  }

  #sendDown(word: FromManager): boolean {
    if (!this.#managerIsOpen) return true;
    const bytes = dispatcherService.session.responseSerialize(encodeFromManager(word));
    this.#down.carry(() => {
      this.node.deliver(() => {
        const arrived = decodeFromManager(dispatcherService.session.responseDeserialize(bytes));
        if (this.#agentIsOpen && arrived) this.received(arrived);
      });
      if (this.#down.length === window - 1) this.manager.deliver(() => this.#agent?.drained());
    });
    return this.#down.length < window;
  }

  #refuse(error: Error): void {
    this.#managerEnds(() => this.#agentHears(error));
  }

  #managerEnds(tell: () => void): void {
    if (!this.#managerIsOpen) return;
    this.#managerIsOpen = false;
    this.#down.carry(tell);
    this.#agent?.closed();
  }

  #agentLetsGo(): void {
    if (!this.#agentIsOpen) return;
    this.#agentIsOpen = false;
    this.#up.carry(() => this.#managerHearsEnd());
  }

  #agentHears(error: Error | undefined): void {
    this.node.deliver(() => {
      if (!this.#agentIsOpen) return;
      this.#agentIsOpen = false;
      if (error) this.#settle.reject(error);
      else this.#settle.resolve();
    });
  }

  #managerHearsEnd(): void {
    this.manager.deliver(() => {
      if (!this.#managerIsOpen) return;
      this.#managerIsOpen = false;
      this.#agent?.closed();
    });
  }

  /** Each side gives up when two pings in a row were not answered. */
  #keepAlive(): void {
    this.world.after(keepaliveMs, () => {
      this.#agentSilence = this.cable.isWhole && this.manager.isRunning ? 0 : this.#agentSilence + 1;
      this.#managerSilence = this.cable.isWhole && this.node.isRunning ? 0 : this.#managerSilence + 1;
      if (this.#agentSilence > 1 && this.#agentIsOpen) {
        this.#agentHears(new Temporary('keepalive timeout'));
        this.#up.carry(() => this.#managerHearsEnd());
      }
      if (this.#managerSilence > 1 && this.#managerIsOpen) {
        this.#managerHearsEnd();
        this.#down.carry(() => this.#agentHears(new Temporary('connection reset')));
      }
      if ((this.#agentIsOpen && this.node.isAlive) || (this.#managerIsOpen && this.manager.isAlive)) this.#keepAlive();
      else this.cable.connections.delete(this);
    });
  }
}

/** One direction. */
class Lane {
  readonly #words: { deliver: () => void; atMs: number }[] = [];
  #lastMs = 0;

  constructor(
    private readonly world: Clock,
    private readonly dice: Dice,
    private readonly slowMs: () => number,
    private readonly isOpen: () => boolean,
  ) {}

  /** How many words are on their way. */
  get length(): number {
    return this.#words.length;
  }

  carry(deliver: () => void): void {
    const nowMs = this.world.monotonicMs();
    this.#lastMs = Math.max(this.#lastMs, nowMs + this.slowMs() + this.dice.skewed(1, 60));
    this.#words.push({ deliver, atMs: this.#lastMs });
    this.world.after(this.#lastMs - nowMs, () => this.flush());
  }

  /** Delivers what is due, unless the way is cut. */
  flush(): void {
    while (this.isOpen() && this.#words[0] && this.#words[0].atMs <= this.world.monotonicMs()) this.#words.shift()!.deliver();
  }
}
