import type { Clock } from './clock.js';

interface Timer {
  atMs: number;
  /** Counts timers: of two at one time the older is first. */
  order: number;
  callback: (() => void) | undefined;
}

/**
 * Time that only a test or a simulation moves. Wall clock and monotonic clock start at `startMs` and zero.
 *
 * `advance` fires what falls due in order, each at its own time, and lets everything that it set off run before the
 * next: promises, and I/O of the same turn.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #count = 0;
  /** A binary heap, earliest first. Cancelled ones stay until their time, without a callback. */
  readonly #timers: Timer[] = [];

  constructor(readonly startMs = 1_704_067_200_000) {}

  wallMs(): number {
    return this.startMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = () => {
        cancel();
        reject(signal!.reason as Error);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#count++, callback };
    this.#push(timer);
    return () => void (timer.callback = undefined);
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#timers[0]; next && next.atMs <= endMs; next = this.#timers[0]) {
      this.#pop();
      if (!next.callback) continue;
      this.#nowMs = next.atMs;
      next.callback();
      await settled();
    }
    this.#nowMs = endMs;
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, timer)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#timers;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Resolves after all promises that can settle now have settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
