import { backoffDelayMs, describeError, isTemporary, Temporary, type Clock, type Trace } from '../../../base/src/index.js';
import type { Revision } from '../../../model/src/index.js';
import { UnknownOutcome, type EtcdClient, type Guard, type KeyValue, type KeyWrite } from './client.js';
import type { EtcdEvent } from './events.js';

/**
 * What became of a transaction, found at `revision`.
 *
 * - `committed`
 * - `refused`: a guard did not hold; `read` has the values asked for.
 * - `superseded`: nothing was written, but not (known to be) because of a guard: the caller looks again.
 */
export type Outcome = { kind: 'committed' | 'refused' | 'superseded'; revision: Revision; read: (KeyValue | undefined)[] };

interface Mark {
  writeId: number;
  outcome: 'committed' | 'refused' | 'void';
}

const attemptTimeoutMs = 1500;
const resolveTimeoutMs = 1000;

/**
 * One writer's transactions, one at a time, each with a known outcome.
 *
 * Every transaction, applied or refused, also rewrites the writer's own mark, and compares it. So after a timeout
 * the mark tells what happened; and if it does not yet, rewriting it makes sure that the transaction can never
 * happen any more. The event of a mark is also how a refused writer knows that its view has caught up.
 */
export class MarkedWriter {
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #trace: Trace<EtcdEvent>;
  #markRevision: Revision;
  #lastWriteId = 0;
  /** Tells the marks of this process from those of an earlier one of the same name. */
  readonly #incarnation: string;

  constructor(options: { client: EtcdClient; key: string; incarnation: string; markRevision: Revision; clock: Clock; trace: Trace<EtcdEvent> }) {
    this.#client = options.client;
    this.#key = options.key;
    this.#incarnation = options.incarnation;
    this.#markRevision = options.markRevision;
    this.#clock = options.clock;
    this.#trace = options.trace;
  }

  /**
   * Writes all if every guard holds. Throws `Temporary` when nothing was written, or (`UnknownOutcome`) when that cannot be known by the deadline.
   */
  async write(guards: readonly Guard[], writes: readonly KeyWrite[], read: readonly string[], deadlineMs: number): Promise<Outcome> {
    for (let attempt = 0; ; attempt++) {
      const writeId = ++this.#lastWriteId;
      try {
        return await this.#attempt(writeId, guards, writes, read, deadlineMs);
      } catch (error) {
        if (!(error instanceof UnknownOutcome)) throw error;
        const resolved = await this.#resolve(writeId, error, deadlineMs);
        if (resolved) return resolved;
        const pauseMs = backoffDelayMs(attempt, { firstMs: 20, maxMs: 200 });
        if (this.#clock.monotonicMs() + pauseMs >= deadlineMs) throw new Temporary(`${error.message}; it was not written`, { cause: error });
        await this.#clock.sleep(pauseMs);
      }
    }
  }

  async #attempt(writeId: number, guards: readonly Guard[], writes: readonly KeyWrite[], read: readonly string[], deadlineMs: number): Promise<Outcome> {
    const result = await this.#client.transact([{ key: this.#key, revision: this.#markRevision }, ...guards], [...writes, this.#mark(writeId, 'committed')], {
      timeoutMs: this.#within(attemptTimeoutMs, deadlineMs),
      otherwise: { read: [...read, this.#key], write: [this.#mark(writeId, 'refused')] },
    });
    const superseded = !result.succeeded && (result.read.at(-1)?.revision ?? 0) !== this.#markRevision;
    this.#markRevision = result.revision;
    return { kind: result.succeeded ? 'committed' : superseded ? 'superseded' : 'refused', revision: result.revision, read: result.read.slice(0, -1) };
  }

  /** What became of a transaction that was not answered; `undefined`: it was not and will never be applied. */
  async #resolve(writeId: number, unknown: UnknownOutcome, deadlineMs: number): Promise<Outcome | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        const outcome = await this.#readOrVoid(writeId, deadlineMs);
        this.#trace({ event: 'store-commit-resolved', outcome: outcome?.kind === 'committed' ? 'committed' : 'not-committed', error: describeError(unknown) });
        return outcome;
      } catch (error) {
        if (!isTemporary(error)) throw error;
        const pauseMs = backoffDelayMs(attempt, { firstMs: 20, maxMs: 200 });
        if (this.#clock.monotonicMs() + pauseMs >= deadlineMs) {
          this.#trace({ event: 'store-commit-resolved', outcome: 'unknown', error: describeError(unknown) });
          throw new UnknownOutcome(`${unknown.message}; it may or may not take effect`, { cause: unknown });
        }
        await this.#clock.sleep(pauseMs);
      }
    }
  }

  async #readOrVoid(writeId: number, deadlineMs: number): Promise<Outcome | undefined> {
    const guard = { key: this.#key, revision: this.#markRevision };
    const result = await this.#client.transact([guard], [this.#mark(writeId, 'void')], {
      timeoutMs: this.#within(resolveTimeoutMs, deadlineMs),
      otherwise: { read: [this.#key], write: [] },
    });
    if (result.succeeded) {
      this.#markRevision = result.revision;
      return undefined;
    }
    const mark = result.read[0];
    this.#markRevision = mark?.revision ?? 0;
    const { incarnation, writeId: marked, outcome } = JSON.parse(mark?.value ?? '{}') as Partial<Mark & { incarnation: string }>;
    if (incarnation !== this.#incarnation || marked !== writeId) throw new Temporary('the mark of the writer changed meanwhile');
    if (outcome === 'void') return undefined;
    return outcome === 'committed'
      ? { kind: 'committed', revision: this.#markRevision, read: [] }
      : { kind: 'superseded', revision: this.#markRevision, read: [] };
  }

  #within(timeoutMs: number, deadlineMs: number): number {
    return Math.max(100, Math.min(timeoutMs, deadlineMs - this.#clock.monotonicMs()));
  }

  #mark(writeId: number, outcome: Mark['outcome']): KeyWrite {
    return { key: this.#key, value: JSON.stringify({ incarnation: this.#incarnation, writeId, outcome }) };
  }
}
