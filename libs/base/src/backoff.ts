import type { Clock } from './clock.js';
import { isTemporary } from './errors.js';

/** Delays that double from `firstMs` to `maxMs`. */
export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
}

export function backoffDelayMs(attempt: number, { firstMs, maxMs }: BackoffOptions): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
}

/** Repeats `job` while it fails with `Temporary`; any other failure, or the signal, ends it. */
export async function retry<T>(
  job: () => Promise<T>,
  options: BackoffOptions & { clock: Clock; signal: AbortSignal; onRetry?: (error: Error, delayMs: number) => void },
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await job();
    } catch (error) {
      if (!isTemporary(error) || options.signal.aborted) throw error;
      const delayMs = backoffDelayMs(attempt, options);
      options.onRetry?.(error, delayMs);
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
