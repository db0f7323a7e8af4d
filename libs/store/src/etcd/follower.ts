import { backoffDelayMs, describeError, ignoreAbort, Temporary, type Clock, type Trace } from '../../../base/src/index.js';
import type { Revision, StoreEvent } from '../../../model/src/index.js';
import type { EtcdClient, KeyEvent } from './client.js';
import type { EtcdEvent } from './events.js';
import type { Projection } from './projection.js';

const auditPeriodMs = 60_000;
const reconnect = { firstMs: 50, maxMs: 1000 };

export interface FollowerOptions {
  client: EtcdClient;
  projection: Projection;
  prefix: string;
  clock: Clock;
  trace: Trace<EtcdEvent>;
  /** Called after the projection changed or moved on. */
  onHeard: (events: StoreEvent[], revision: Revision) => void;
}

/**
 * Keeps a projection up to date: loads everything at one revision, then watches from the next.
 *
 * 1. A lost watch is taken up where it ended; history that etcd forgot is replaced by a load and the difference.
 * 2. Every minute the keys are compared with etcd's: known bugs of etcd lose watch events.
 */
export class Follower {
  readonly #options: FollowerOptions;
  #clusterId: string | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Reads everything once. Throws `Temporary`. */
  async load(): Promise<void> {
    const { client, projection, prefix, clock, trace, onHeard } = this.#options;
    const startedMs = clock.monotonicMs();
    const { entries, revision, clusterId } = await client.range(`${prefix}/`);
    if (revision < projection.heard || (this.#clusterId !== undefined && this.#clusterId !== clusterId)) {
      trace({ event: 'store-replaced', clusterId, revision });
      projection.forgetRevisions();
    }
    this.#clusterId = clusterId;
    const events = projection.applyLoad(entries, revision);
    trace({ event: 'store-loaded', keys: entries.length, revision, changes: events.length, durationMs: clock.monotonicMs() - startedMs });
    onHeard(events, revision);
  }

  /** Follows until aborted; call `load` before. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    void this.#audit(signal);
    for (let attempt = 0; !signal.aborted; attempt++) {
      const heardBefore = this.#options.projection.heard;
      try {
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#options.projection.heard > heardBefore) attempt = 0;
        const retryMs = backoffDelayMs(attempt, reconnect);
        this.#options.trace({ event: 'store-watch-lost', error: describeError(error), retryMs });
        await this.#pause(retryMs, signal);
        if (error instanceof Temporary && !signal.aborted) continue;
        await this.#reload(signal);
      }
    }
  }

  #watch(signal: AbortSignal): Promise<never> {
    const { client, projection, prefix, onHeard } = this.#options;
    const onEvents = (events: KeyEvent[]) => {
      for (const [revision, group] of byRevision(events)) onHeard(projection.applyEvents(group, revision), revision);
    };
    return client.watch(`${prefix}/`, projection.heard + 1, onEvents, signal);
  }

  /** What was not a lost connection (compaction, an unreadable value) is answered by looking at everything again. */
  async #reload(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await this.load();
      } catch (error) {
        const retryMs = backoffDelayMs(attempt, reconnect);
        this.#options.trace({ event: 'store-watch-lost', error: describeError(error), retryMs });
        await this.#pause(retryMs, signal);
      }
    }
  }

  async #audit(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#pause(auditPeriodMs, signal);
      if (signal.aborted) return;
      try {
        await this.audit();
      } catch (error) {
        this.#options.trace({ event: 'store-audit-failed', error: describeError(error) });
      }
    }
  }

  /** Compares the keys with etcd's at the revision that was heard last; repairs by a load. */
  async audit(): Promise<void> {
    const { client, projection, prefix, trace } = this.#options;
    const at = projection.heard;
    const { entries } = await client.range(`${prefix}/`, { at, keysOnly: true });
    const keys = projection.differences(entries, at);
    if (keys.length === 0) return;
    trace({ event: 'store-audit-mismatch', keys: keys.slice(0, 10) });
    projection.distrust(keys);
    await this.load();
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(ms, signal).catch(ignoreAbort(signal));
  }
}

function byRevision(events: readonly KeyEvent[]): Map<Revision, KeyEvent[]> {
  const groups = new Map<Revision, KeyEvent[]>();
  for (const event of events) {
    const group = groups.get(event.revision);
    if (group) group.push(event);
    else groups.set(event.revision, [event]);
  }
  return groups;
}

