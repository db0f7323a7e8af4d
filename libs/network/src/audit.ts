import type { Clock } from '../../base/src/index.js';

/** How soon we listen to what others did. */
const listenMs = 250;
/** Nobody tells of a changed setting: they are looked at so often. */
const settingsMs = 1_000;
/** Everything is looked at so often, whether somebody told of a change or not. */
const fullPassMs = 60_000;
/** After a look: what keeps changing must not keep us busy. */
const restMs = 500;

export interface AuditTools {
  clock: Clock;
  /** Ends it. */
  signal: AbortSignal;
  restoreSettings(): void;
  /** Cheap: has anybody told of a change? */
  isSuspect(): boolean;
  /** Compares, and puts back what is different. */
  look(atEverything: boolean): Promise<void>;
  failed(error: unknown): void;
}

/** Listens until the end to what others change, and has it put back: within a second, at the cost of some microseconds each time there is nothing. */
export async function audit({ clock, signal, restoreSettings, isSuspect, look, failed }: AuditTools): Promise<void> {
  let settingsAtMs = 0;
  let fullPassAtMs = clock.monotonicMs() + fullPassMs;
  while (!signal.aborted) {
    try {
      await clock.sleep(listenMs, signal);
      const nowMs = clock.monotonicMs();
      if (nowMs >= settingsAtMs) {
        settingsAtMs = nowMs + settingsMs;
        restoreSettings();
      }
      const isDue = nowMs >= fullPassAtMs;
      if (!isSuspect() && !isDue) continue;
      if (isDue) fullPassAtMs = nowMs + fullPassMs;
      await look(isDue);
      await clock.sleep(restMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      await clock.sleep(restMs, signal).catch(() => undefined); // it was ended, which the loop sees
    }
  }
}
