import { createHash } from 'node:crypto';
import type { ClusterView } from '../../model/src/index.js';
import type { Check, MakeCheck } from './checks/check.js';
import { Violation } from './checks/check.js';
import { drained } from './checks/drained.js';
import { givenOnce } from './checks/given-once.js';
import { Ledger } from './checks/ledger.js';
import { placement } from './checks/placement.js';
import { unrest } from './checks/rest.js';
import { slots } from './checks/slots.js';
import { taskOrder } from './checks/task-order.js';
import { writes } from './checks/writes.js';
import type { ContainerEvent } from './machine.js';
import { Stage } from './stage.js';
import type { Happening, Story } from './story.js';
import { inWords } from './tell.js';
import { World, type Mutation } from './world.js';

/** The promises that are watched at every step. */
export const checks: readonly MakeCheck[] = [taskOrder, givenOnce, placement, slots, drained, writes];

/** A promise that was broken. */
export interface Failure {
  check: string;
  what: string;
  atMs: number;
}

/** After the last misfortune everything must be over within this time: back-offs, monitors and grace periods included. */
const restWithinMs = 10 * 60_000;
const lookEveryMs = 5_000;
const logLines = 400;

/** One cluster, as it lives from its first moment on, watched by the checks. It stands still but for `advanceTo`. */
export class Life {
  /** What went wrong first. */
  failure: Failure | undefined;
  commits = 0;
  /** What happened last, in words. */
  readonly log: string[] = [];
  readonly #world: World;
  readonly #stage: Stage;
  readonly #checks: Check[];
  readonly #hash = createHash('sha256');

  /** `onContainer` hears of everything that happens to containers. */
  constructor(setting: Pick<Story, 'seed' | 'nodes' | 'managers'>, { mutation = {}, onContainer }: { mutation?: Mutation | undefined; onContainer?: (event: ContainerEvent, atMs: number) => void } = {}) {
    const ledger = new Ledger();
    const world = (this.#world = new World(setting, {
      mutation,
      onDecision: (decision) => this.#watch((check) => check.decided?.(decision)),
      onContainer: (event) => {
        this.#note(`${event.machine.name}: ${event.what}${event.signal ? ` ${event.signal}` : ''} ${event.taskId}`);
        onContainer?.(event, this.nowMs);
        this.#watch((check) => check.container?.(event));
      },
      onBug: (what) => this.#fail('no bugs', what),
      onEvent: (manager, event) => {
        if (event.event === 'decided') for (const sentence of event.sentences) this.#note(`${manager}: ${sentence}`);
        else if (event.event === 'subsystem-failed') this.#fail('no bugs', `${event.subsystem}: ${event.error}`);
        else if (event.event === 'not-settling') this.#fail('decisions settle', `${event.subsystems.join(', ')} changed something in each of ${event.rounds} rounds`);
        else this.#note(`${manager}: ${inWords(event)}`);
      },
    }));
    this.#checks = checks.map((make) => make(world, ledger));
    world.authority.onCommit((commit) => {
      this.commits++;
      this.#hash.update(`${commit.atMs} ${JSON.stringify(commit.changes)}\n`);
      ledger.note(commit);
      this.#watch((check) => check.committed?.(commit));
    });
    this.#stage = new Stage(world, {
      onBug: (what) => this.#fail('no bugs', what),
      onStored: (changes) => this.#watch((check) => check.acknowledged?.(changes)),
    });
    this.#stage.begin();
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  /** The truth that the managers share. */
  get view(): ClusterView {
    return this.#world.authority.view;
  }

  /** Of everything that happened, in order: equal stories have equal hashes. Asked for once, at the end. */
  traceHash(): string {
    return this.#hash.digest('hex').slice(0, 16);
  }

  happen(event: Happening): void {
    this.#note(`— ${inWords(event)}`);
    this.#stage.happen(event);
  }

  /** Everything that is broken is mended. */
  repair(): void {
    this.#note('— everything is repaired');
    this.#stage.repair();
  }

  /** In steps, so that a failure ends it soon. */
  async advanceTo(atMs: number): Promise<void> {
    while (this.nowMs < atMs && !this.failure) await this.#world.clock.advance(Math.min(1_000, atMs - this.nowMs));
  }

  /** Until everything is over. That it never is is a failure. */
  async rest(): Promise<void> {
    let reasons: string[] = [];
    for (let waitedMs = 0; waitedMs < restWithinMs && !this.failure; waitedMs += lookEveryMs) {
      await this.advanceTo(this.nowMs + lookEveryMs);
      reasons = await unrest(this.#world);
      if (reasons.length === 0) return;
    }
    if (!this.failure) this.#fail('comes to rest', `not at rest ${restWithinMs / 60_000} minutes after everything was repaired: ${reasons.slice(0, 5).join('; ')}`);
  }

  #watch(look: (check: Check) => void): void {
    for (const check of this.#checks) {
      try {
        look(check);
      } catch (error) {
        this.#fail(check.name, error instanceof Violation ? error.message : `the check itself failed: ${(error as Error).stack}`);
      }
    }
  }

  #fail(check: string, what: string): void {
    if (this.failure) return;
    this.failure = { check, what, atMs: this.nowMs };
    this.#note(`!! ${check}: ${what}`);
  }

  #note(what: string): void {
    const line = `${(this.nowMs / 1000).toFixed(3)} s  ${what}`;
    this.#hash.update(`${line}\n`);
    if (this.failure && !what.startsWith('!!')) return;
    this.log.push(line);
    if (this.log.length > logLines) this.log.shift();
  }
}
