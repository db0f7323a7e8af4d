/**
 * Named forms of waiting, so that no feature grows its own choreography of timers and flags.
 */

/**
 * Many events, one pass.
 *
 * 1. `ring()` never blocks and never fails; any number of rings before a pass cause one pass.
 * 2. A ring during a pass causes exactly one more pass.
 */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring (at once if rung since the last wait); rejects when aborted. */
  async wait(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!this.#rung) {
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => reject(signal!.reason as Error);
        signal?.addEventListener('abort', onAbort, { once: true });
        this.#wake = () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
      }).finally(() => (this.#wake = undefined));
    }
    this.#rung = false;
  }
}

/**
 * One job at a time per key, in the order of arrival; different keys run side by side.
 * A failed job does not stop the next one: the failure belongs to its caller.
 */
export class KeyedSequencer {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, job: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(job, job);
    // The caller has the failure with `result`; the tail only says that the job has ended.
    const tail = result.catch(() => undefined).finally(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return result;
  }
}

/** At most `limit` jobs at once; the others wait in order. */
export class Limiter {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly limit: number) {}

  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running < this.limit) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)); // inherits the slot of the one that ended
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

/** A number that only grows, and those who wait for it to be reached. */
export class Milestone {
  #reached = 0;
  readonly #waiting = new Set<() => void>();

  reach(value: number): void {
    if (value <= this.#reached) return;
    this.#reached = value;
    for (const look of this.#waiting) look();
  }

  /** Resolves once `value` is reached; rejects when aborted before. */
  async wait(value: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#reached >= value) return;
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      const look = () => {
        if (this.#reached < value) return;
        end();
        resolve();
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
