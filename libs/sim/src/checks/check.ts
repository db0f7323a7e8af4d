import type { Change, ClusterView } from '../../../model/src/index.js';
import type { Commit } from '../authority.js';
import type { ContainerEvent } from '../machine.js';
import type { World } from '../world.js';
import type { Ledger } from './ledger.js';

/** What one subsystem of a leader made of what it saw. */
export interface Decision {
  subsystem: string;
  view: ClusterView;
  changes: readonly Change[];
}

/** A promise of the cluster, watched from outside at every step. It complains by throwing `Violation`. */
export interface Check {
  name: string;
  committed?(commit: Commit): void;
  decided?(decision: Decision): void;
  /** A user was told that these changes are stored. */
  acknowledged?(changes: readonly Change[]): void;
  container?(event: ContainerEvent): void;
}

export type MakeCheck = (world: World, ledger: Ledger) => Check;

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function must(condition: unknown, what: () => string): asserts condition {
  if (!condition) throw new Violation(what());
}
