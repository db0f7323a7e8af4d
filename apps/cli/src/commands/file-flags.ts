import type { Command } from 'commander';
import { repeated } from './flags.js';

/** Which stack files there are, and what they are read with. */
export function addFileFlags(command: Command): Command {
  return command
    .option('-c, --compose-file <file>', 'stack file, or - for stdin; several are merged (repeat, or separate by commas)', repeated)
    .option('--env-file <file>', 'variables for ${NAME} in the files, where the shell has none; may be repeated; without it .env beside the first file', repeated)
    .option('--profile <name>', 'with the services of this profile; may be repeated; without it those of COMPOSE_PROFILES', repeated);
}
