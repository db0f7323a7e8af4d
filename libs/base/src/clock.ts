/**
 * Time as an argument. This is the only file of the libs that knows `Date` and timers;
 * simulation replaces it with virtual time.
 */
export interface Clock {
  /** Milliseconds since the epoch. For records and for people; it may jump. */
  wallMs(): number;
  /** Milliseconds since some start. For every timeout and every duration; it never jumps. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `callback` once after `ms` unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 with nanoseconds digits as Docker prints them; resolution is a millisecond. */
export function timestamp(wallMs: number): string {
  if (wallMs !== last.wallMs) last = { wallMs, text: new Date(wallMs).toISOString().replace('Z', '000000Z') };
  return last.text;
}

/** Thousands of records are made at the same moment: they share its text. */
let last = { wallMs: 0, text: '1970-01-01T00:00:00.000000000Z' };

/** Milliseconds since the epoch of an RFC 3339 time. */
export function parseTimestamp(text: string): number {
  return Date.parse(text);
}
