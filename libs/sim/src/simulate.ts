import { createHash } from 'node:crypto';
import type { Check, Decision, MakeCheck } from './checks/check.js';
import { Violation } from './checks/check.js';
import { drained } from './checks/drained.js';
import { givenOnce } from './checks/given-once.js';
import { Ledger } from './checks/ledger.js';
import { placement } from './checks/placement.js';
import { unrest } from './checks/rest.js';
import { slots } from './checks/slots.js';
import { taskOrder } from './checks/task-order.js';
import { writes } from './checks/writes.js';
import { Stage } from './stage.js';
import type { Story } from './story.js';
import { inWords } from './tell.js';
import { World, type Mutation } from './world.js';

/** The promises that are watched at every step. */
export const checks: readonly MakeCheck[] = [taskOrder, givenOnce, placement, slots, drained, writes];

export interface Outcome {
  story: Story;
  /** What went wrong first; absent: nothing. */
  failure?: { check: string; what: string; atMs: number };
  /** Of everything that happened, in order: equal stories have equal hashes. */
  traceHash: string;
  commits: number;
  /** When the cluster had come to rest, ms; after `story.lengthMs`. */
  restedAtMs: number;
  /** What happened last, in words. */
  log: string[];
}

/** After the last misfortune everything must be over within this time: back-offs, monitors and grace periods included. */
const restWithinMs = 10 * 60_000;
const lookEveryMs = 5_000;
const logLines = 400;

export async function simulate(story: Story, mutation?: Mutation): Promise<Outcome> {
  const run = new Run(story, mutation);
  await run.toTheEnd();
  return run.outcome();
}

class Run {
  readonly #world: World;
  readonly #stage: Stage;
  readonly #checks: Check[];
  readonly #hash = createHash('sha256');
  readonly #log: string[] = [];
  #failure: Outcome['failure'];
  #commits = 0;

  constructor(
    private readonly story: Story,
    mutation: Mutation = {},
  ) {
    const ledger = new Ledger();
    const world = (this.#world = new World(story, {
      mutation,
      onDecision: (decision) => this.#decided(decision),
      onContainer: (event) => {
        this.#note(`${event.machine.name}: ${event.what}${event.signal ? ` ${event.signal}` : ''} ${event.taskId}`);
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
      this.#commits++;
      this.#hash.update(`${commit.atMs} ${JSON.stringify(commit.changes)}\n`);
      ledger.note(commit);
      this.#watch((check) => check.committed?.(commit));
    });
    this.#stage = new Stage(world, (what) => this.#fail('no bugs', what));
  }

  async toTheEnd(): Promise<void> {
    this.#stage.begin();
    for (const { atMs, event } of this.story.chapters) {
      await this.#advanceTo(atMs);
      if (this.#failure) return;
      this.#note(`— ${inWords(event)}`);
      this.#stage.happen(event);
    }
    await this.#advanceTo(this.story.lengthMs);
    if (this.#failure) return;
    this.#note('— everything is repaired');
    this.#stage.repair();
    await this.#rest();
  }

  outcome(): Outcome {
    const { story } = this;
    return { story, ...(this.#failure && { failure: this.#failure }), traceHash: this.#hash.digest('hex').slice(0, 16), commits: this.#commits, restedAtMs: this.#world.nowMs, log: this.#log };
  }

  async #rest(): Promise<void> {
    let reasons: string[] = [];
    for (let waitedMs = 0; waitedMs < restWithinMs && !this.#failure; waitedMs += lookEveryMs) {
      await this.#advanceTo(this.#world.nowMs + lookEveryMs);
      reasons = await unrest(this.#world);
      if (reasons.length === 0) return;
    }
    if (!this.#failure) this.#fail('comes to rest', `not at rest ${restWithinMs / 60_000} minutes after everything was repaired: ${reasons.slice(0, 5).join('; ')}`);
  }

  /** In steps, so that a failure ends it soon. */
  async #advanceTo(atMs: number): Promise<void> {
    while (this.#world.nowMs < atMs && !this.#failure) await this.#world.clock.advance(Math.min(1_000, atMs - this.#world.nowMs));
  }

  #decided(decision: Decision): void {
    this.#watch((check) => check.decided?.(decision));
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
    if (this.#failure) return;
    this.#failure = { check, what, atMs: this.#world.nowMs };
    this.#note(`!! ${check}: ${what}`);
  }

  #note(what: string): void {
    const line = `${(this.#world.nowMs / 1000).toFixed(3)} s  ${what}`;
    this.#hash.update(`${line}\n`);
    if (this.#failure && !what.startsWith('!!')) return;
    this.#log.push(line);
    if (this.#log.length > logLines) this.#log.shift();
  }
}
