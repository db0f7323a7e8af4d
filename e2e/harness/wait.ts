/** Waits until `probe` gives a value, looking again every `everyMs`; at the deadline fails with what `probe` last said. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>, options: { deadlineMs?: number; everyMs?: number } = {}): Promise<T> {
  const deadlineMs = options.deadlineMs ?? 30_000;
  const startedMs = performance.now();
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() - startedMs > deadlineMs) {
      throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50));
  }
}
