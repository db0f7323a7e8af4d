import { humanDuration } from '../../../../libs/base/src/index.js';

/** "2 minutes ago" for an RFC 3339 stamp; empty when there is none. */
export function ago(stamp: string | undefined, nowMs: number): string {
  const then = stamp ? Date.parse(stamp) : NaN;
  return Number.isNaN(then) ? '' : `${humanDuration(nowMs - then)} ago`;
}
