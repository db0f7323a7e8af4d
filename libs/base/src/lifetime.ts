/**
 * What is acquired names its release on the same line:
 *
 *     const socket = lifetime.own(await listen(path), (s) => s.close());
 *
 * Releases run once, in reverse order. All of them run, even when some fail; the failures are joined.
 */
export class Lifetime implements AsyncDisposable {
  readonly #releases: (() => unknown)[] = [];
  readonly #abort = new AbortController();
  #ended: Promise<void> | undefined;

  /** Aborted first when the lifetime ends, so that everything that waits gives up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  own<T>(resource: T, release: (resource: T) => unknown): T {
    this.#releases.push(() => release(resource));
    return resource;
  }

  /** Ends the lifetime. Calling it again waits for the same end. */
  end(reason = 'ended'): Promise<void> {
    return (this.#ended ??= this.#end(reason));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  async #end(reason: string): Promise<void> {
    this.#abort.abort(new Error(reason));
    const failures: unknown[] = [];
    for (const release of this.#releases.reverse()) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} releases failed`);
  }
}
