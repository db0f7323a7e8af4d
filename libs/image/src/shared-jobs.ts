/**
 * One running job per key, shared by everybody who asks for it meanwhile.
 *
 * 1. A second `run` with the same key joins the first: the job runs once, all get its result.
 * 2. Each caller's signal ends only that caller's waiting. When the last caller goes, the job is aborted, and that caller
 *    waits until the job has cleaned up: after `run` nothing of it goes on unless others want it.
 * 3. A finished job is forgotten: failures are not remembered.
 * 4. What the job emits goes to every caller that listens.
 */
export class SharedJobs<T, Event = never> {
  readonly #running = new Map<string, SharedJob<T, Event>>();

  async run(
    key: string,
    signal: AbortSignal,
    job: (signal: AbortSignal, emit: (event: Event) => void) => Promise<T>,
    onEvent?: (event: Event) => void,
  ): Promise<T> {
    signal.throwIfAborted();
    const shared = this.#running.get(key) ?? this.#start(key, job);
    shared.callers++;
    if (onEvent) shared.listeners.add(onEvent);
    try {
      return await withSignal(shared.result, signal);
    } finally {
      if (onEvent) shared.listeners.delete(onEvent);
      if (--shared.callers === 0) {
        if (this.#running.get(key) === shared) this.#running.delete(key);
        shared.abort.abort(signal.reason ?? new Error('nobody waits any more'));
        await shared.result.catch(() => undefined); // what it says is of no interest any more, or was thrown above
      }
    }
  }

  #start(key: string, job: (signal: AbortSignal, emit: (event: Event) => void) => Promise<T>): SharedJob<T, Event> {
    const abort = new AbortController();
    const listeners = new Set<(event: Event) => void>();
    const emit = (event: Event) => listeners.forEach((listener) => listener(event));
    const result = job(abort.signal, emit).finally(() => {
      if (this.#running.get(key) === shared) this.#running.delete(key);
    });
    result.catch(() => undefined); // callers get the failure through their own wait
    const shared: SharedJob<T, Event> = { abort, listeners, result, callers: 0 };
    this.#running.set(key, shared);
    return shared;
  }
}

interface SharedJob<T, Event> {
  abort: AbortController;
  listeners: Set<(event: Event) => void>;
  result: Promise<T>;
  callers: number;
}

/** The promise's result, unless the signal comes first. */
function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
