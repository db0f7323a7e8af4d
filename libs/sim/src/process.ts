import type { Clock } from '../../base/src/index.js';

/**
 * A process that can be killed and frozen, around code that knows of neither.
 *
 * 1. All that reaches the code from outside (timers, answers, messages) goes through here.
 * 2. Frozen, it hears nothing; thawed, it hears everything at once, in order.
 * 3. Killed, it never hears anything again: whatever it waited for stays unanswered, and nothing of it goes on.
 */
export class Process {
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #waiting: (() => void)[] = [];
  readonly clock: Clock;

  constructor(
    readonly name: string,
    world: Clock,
    /** How far its wall clock is off. */
    wallOffsetMs = 0,
  ) {
    this.clock = processClock(this, world, wallOffsetMs);
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  kill(): void {
    this.#state = 'dead';
    this.#waiting = [];
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const deliver of this.#waiting.splice(0)) this.deliver(deliver);
  }

  /** Calls back in this process: at once, after the thaw, or never. */
  deliver(callback: () => void): void {
    if (this.#state === 'running') callback();
    else if (this.#state === 'frozen') this.#waiting.push(callback);
  }

  /** The answer of the world outside, as this process gets it. */
  hear<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.deliver(() => resolve(value)),
        (error: Error) => this.deliver(() => reject(error)),
      );
    });
  }

  /** A port whose answers come through here; a dead process calls nothing. */
  guard<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (!this.isAlive) return new Promise(() => undefined);
          const result: unknown = Reflect.apply(member, target, args);
          return result instanceof Promise ? this.hear(result) : result;
        };
      },
    });
  }
}

function processClock(process: Process, world: Clock, wallOffsetMs: number): Clock {
  const after: Clock['after'] = (ms, callback) => {
    let isCancelled = false;
    const cancel = world.after(ms, () => process.deliver(() => !isCancelled && callback()));
    return () => {
      isCancelled = true;
      cancel();
    };
  };
  return {
    wallMs: () => world.wallMs() + wallOffsetMs,
    monotonicMs: () => world.monotonicMs(),
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const onAbort = () => {
          cancel();
          reject(signal!.reason as Error);
        };
        const cancel = after(ms, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
