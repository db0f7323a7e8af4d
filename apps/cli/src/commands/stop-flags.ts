import type { Command } from 'commander';
import type { RequestOptions } from '../api-client/client.js';
import { badUsage } from '../exit-status.js';

export interface StopFlags {
  time?: string;
  signal?: string;
}

export function addStopFlags(command: Command): Command {
  return command.option('-t, --time <seconds>', 'how long it may take to end before it is killed; -1: for ever').option('-s, --signal <signal>', 'what asks it to end');
}

/** The answer comes when it has ended, however long it was given. */
export function stopOptions({ time, signal }: StopFlags): RequestOptions {
  if (time !== undefined && !/^-?\d+$/.test(time)) throw badUsage(`--time: "${time}" is not a number of seconds`);
  return { query: { t: time, signal }, deadlineMs: Infinity };
}
