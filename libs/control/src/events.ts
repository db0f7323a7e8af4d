import type { Revision } from '../../model/src/index.js';

/** What the control plane tells its owner: for logs and metrics. */
export type ControlEvent =
  | { event: 'elected'; managerId: string; epoch: Revision }
  | { event: 'left-office'; managerId: string; epoch: Revision; reason: string }
  | { event: 'election-store-failed'; error: string }
  | { event: 'decided'; subsystem: string; changes: number; sentences: readonly string[]; revision: Revision; decideMs: number; commitMs: number }
  /** Somebody else was faster: the subsystem decides again on the newer view. */
  | { event: 'decision-outdated'; subsystem: string; reason: string }
  | { event: 'commit-split'; subsystem: string; changes: number }
  | { event: 'control-store-failed'; subsystem: string; error: string; retryMs: number }
  /** The subsystems keep changing what the others wrote: a bug, slowed down. */
  | { event: 'not-settling'; subsystems: readonly string[]; rounds: number }
  | { event: 'subsystem-failed'; subsystem: string; error: string };
