/** Delays that double from `firstMs` to `maxMs`. */
export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
}

export function backoffDelayMs(attempt: number, { firstMs, maxMs }: BackoffOptions): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
}
