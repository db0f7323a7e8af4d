import type { Clock } from '../../base/src/index.js';
import { Temporary, backoffDelayMs } from '../../base/src/index.js';

/** A request that may succeed when it is made again, as opposed to other `Temporary` failures such as a full disk. */
export class NetworkFailure extends Temporary {
  /** How long the registry asks us to stay away. */
  readonly retryAfterMs: number;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

export interface RetryPolicy {
  /** Tries in a row without a single byte of progress. */
  attempts: number;
  firstMs: number;
  maxMs: number;
}

export interface Retrying extends RetryPolicy {
  clock: Clock;
  signal: AbortSignal;
  onRetry: (error: NetworkFailure, attempt: number, delayMs: number) => void;
}

/** Repeats a job that fails with `NetworkFailure`. The job calls `progressed` when it got further than before. */
export async function retryNetwork<T>(job: (progressed: () => void) => Promise<T>, options: Retrying): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await job(() => (attempt = 0));
    } catch (error) {
      if (!(error instanceof NetworkFailure) || attempt >= options.attempts || options.signal.aborted) throw error;
      const delayMs = Math.min(options.maxMs, Math.max(backoffDelayMs(attempt - 1, options), error.retryAfterMs));
      options.onRetry(error, attempt, delayMs);
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
