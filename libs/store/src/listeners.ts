import type { Revision, StoreEvent } from '../../model/src/index.js';

export type StoreListener = (events: readonly StoreEvent[], revision: Revision) => void;

/**
 * The watchers of one store.
 *
 * 1. Each hears every commit once. Own commits come in order, and so do foreign ones; a foreign one may be heard of
 *    after a newer own one.
 * 2. A watcher that throws harms neither the commit nor the other watchers; its error surfaces as uncaught.
 */
export class Listeners {
  readonly #listeners = new Set<StoreListener>();

  add(listener: StoreListener): () => void {
    const own: StoreListener = (events, revision) => listener(events, revision);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  tell(events: readonly StoreEvent[], revision: Revision): void {
    if (events.length === 0) return;
    for (const listener of [...this.#listeners]) {
      try {
        listener(events, revision);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
