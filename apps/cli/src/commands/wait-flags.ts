import type { Command } from 'commander';
import { parseDurationMs } from '../../../../libs/base/src/index.js';
import { badUsage } from '../exit-status.js';

export interface WaitFlags {
  detach?: boolean;
  timeout: string;
  quiet?: boolean;
}

/** Flags of everything that waits until services have converged. */
export function addWaitFlags(command: Command): Command {
  return command
    .option('-d, --detach', 'do not wait')
    .option('--timeout <duration>', 'give up waiting after this time; the change goes on', '5m')
    .option('-q, --quiet', 'no progress');
}

export function timeoutMsOf({ timeout }: WaitFlags): number {
  const timeoutMs = parseDurationMs(timeout);
  if (timeoutMs === undefined || timeoutMs < 0) throw badUsage(`--timeout: "${timeout}" is not a duration such as 90s, 5m or 1h30m`);
  return timeoutMs;
}
