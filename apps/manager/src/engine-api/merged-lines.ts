import type { LogLine } from '../http/tokens.js';

/** Above it no source is asked for more: a reader that does not read costs no memory. */
export const maxWaitingLines = 1_000;

/** Several line sources as one, in the order of arrival. Ends with the signal: a followed service never ends by itself. */
export class MergedLines {
  #waiting: LogLine[] = [];
  #failure: unknown;
  #wakeReader: (() => void) | undefined;
  /** Sources that wait until the reader has caught up. */
  readonly #paused: (() => void)[] = [];

  constructor(private readonly signal: AbortSignal) {
    const end = () => {
      this.#wakeReader?.();
      this.#resume();
    };
    signal.addEventListener('abort', end, { once: true });
  }

  add(source: AsyncIterable<LogLine>): void {
    void this.#drain(source);
  }

  async *lines(): AsyncIterable<LogLine> {
    while (!this.signal.aborted) {
      if (this.#waiting.length > 0) {
        const lines = this.#waiting;
        this.#waiting = [];
        yield* lines;
        this.#resume();
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else {
        await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    }
  }

  #resume(): void {
    for (const resume of this.#paused.splice(0)) resume();
  }

  async #drain(source: AsyncIterable<LogLine>): Promise<void> {
    try {
      for await (const line of source) {
        this.#waiting.push(line);
        this.#wakeReader?.();
        if (this.#waiting.length >= maxWaitingLines && !this.signal.aborted) await new Promise<void>((resolve) => this.#paused.push(resolve));
        if (this.signal.aborted) return;
      }
    } catch (error) {
      this.#failure = error;
      this.#wakeReader?.();
    }
  }
}
