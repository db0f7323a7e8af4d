import { Refused } from '../../base/src/index.js';
import type { Change, ClusterView, Revision, StoreEvent } from '../../model/src/index.js';

/**
 * The only memory of the manager: an indexed view of everything, and guarded transactions.
 *
 * Reads are synchronous and see every commit that this process made or has heard of. `view()` always returns the
 * same live object: use it within one synchronous stretch, look again after an `await`.
 */
export interface Store {
  view(): ClusterView;

  /**
   * Applies all changes in one transaction, or none. When it resolves, `view()` shows them.
   *
   * Throws `Refused('already-exists')` for a taken id or name, `Refused('conflict')` for an outdated `expect` or an
   * object that is gone, `Refused('precondition')` when the writer's epoch is over (see `fencedBy`),
   * `CommitTooLarge` when the list must be split, and `Temporary` when the outcome is not a commit but a retry may
   * succeed. A status that a task has moved past is a conflict too. A bug in the change list (a state that is not the actor's to write) throws `Bug`.
   */
  commit(changes: readonly Change[], signal?: AbortSignal): Promise<Revision>;

  /** Calls the listener after each applied commit, own or foreign, with what changed. Returns how to stop it. */
  watch(listener: (events: readonly StoreEvent[], revision: Revision) => void): () => void;

  /** The same store, whose commits succeed only while `epoch` (a revision of the leader key) is in force. */
  fencedBy(epoch: Revision): Store;
}

/** More than one transaction can hold: the changes must be committed in smaller lists. Nothing was written. */
export class CommitTooLarge extends Refused {
  constructor(message: string) {
    super('unsupported', message);
  }
}
