import type { OciContainers } from '../../../libs/runtime/src/oci/index.js';
import { BadUsage, type FlagTable, type ParsedArguments } from './arguments.js';
import type { Log } from './log.js';

export interface Call {
  args: ParsedArguments;
  containers(): OciContainers;
  log: Log;
  debug: boolean;
}

export interface Command {
  about: string;
  usage: string;
  flags: FlagTable;
  shorts?: Record<string, string>;
  /** Exit status of what goes wrong with us, where that of the program is passed on; absent: 1. */
  failureStatus?: number;
  /** What follows the first word is not ours. */
  wordsEndFlags?: boolean;
  /** The answer is the exit status. */
  run(call: Call): number | Promise<number>;
}

/** Socket activation: what `LISTEN_FDS` counts is passed on, and so is the word. */
export function activationEnvironment(): string[] {
  const count = activatedDescriptors();
  return count > 0 ? [`LISTEN_FDS=${count}`, 'LISTEN_PID=1'] : [];
}

function activatedDescriptors(): number {
  const count = Number(process.env['LISTEN_FDS'] ?? 0);
  return Number.isInteger(count) && count > 0 ? count : 0;
}

/** How many descriptors after the standard streams the program gets: `--preserve-fds`, and what socket activation hands over. */
export function descriptorCount(args: ParsedArguments): number {
  const given = Number(args.text('preserve-fds') ?? 0);
  if (!Number.isInteger(given) || given < 0) throw new BadUsage(`invalid value "${args.text('preserve-fds')}" for flag -preserve-fds`);
  return given + activatedDescriptors();
}

export function onlyId(args: ParsedArguments): string {
  return words(args, 1, 1)[0]!;
}

export function words({ words: given }: ParsedArguments, least: number, most: number): string[] {
  if (given.length < least || given.length > most) throw new BadUsage(`this command requires ${least === most ? `exactly ${least}` : `${least} to ${most}`} argument(s), not ${given.length}`);
  return given;
}
