import { timestamp } from '../../../base/src/index.js';
import type { Change, ClusterView } from '../../../model/src/index.js';
import { applyTo } from '../../../store/src/index.js';

/** The view as it will be with these changes, if nobody else writes. */
export function outcomeOf(view: ClusterView, changes: readonly Change[]): ClusterView {
  const after = view.fork();
  applyTo(after, changes, timestamp(0));
  return after;
}
