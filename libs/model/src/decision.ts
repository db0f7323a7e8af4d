import type { Random } from '../../base/src/index.js';
import type { Change } from './change.js';
import type { ClusterView } from './cluster-view.js';

/** What a decision may know beside the view. */
export interface DecisionContext {
  /** Wall-clock time, ms since the epoch. */
  nowMs: number;
  random: Random;
}

/** What a decision comes to: nothing happens until somebody commits the changes. */
export interface DecisionResult {
  /** Meant to be committed as a whole; empty when the cluster is as it should be. */
  changes: Change[];
  /** Wall-clock time at which the same view would give another answer (a delay ends, a window closes). */
  lookAgainAtMs?: number;
  /** The changes and refusals in words, one each, for traces and golden tests. */
  sentences?: string[];
}

/**
 * One subsystem of the manager as a pure function. Level-triggered: it compares all that is wanted with all that is,
 * so that deciding again on the outcome gives no changes.
 */
export type Decide = (view: ClusterView, context: DecisionContext) => DecisionResult;
