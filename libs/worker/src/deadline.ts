import { Temporary, type Clock } from '../../base/src/index.js';

/** Runs a job whose signal is aborted by any of `signals`, and with `Temporary(message)` when `ms` of the clock have passed. */
export async function withDeadline<T>(
  clock: Clock,
  { ms, message, signals }: { ms: number; message: string; signals: AbortSignal[] },
  job: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const cancel = clock.after(ms, () => deadline.abort(new Temporary(message)));
  try {
    return await job(AbortSignal.any([...signals, deadline.signal]));
  } finally {
    cancel();
  }
}

/** The result of a job that takes no signal; without it, when the signal is aborted before. */
export function orAbort<T>(job: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    job.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
