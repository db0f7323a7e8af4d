import type { Command } from 'commander';
import type { Session } from '../session.js';
import { loadStack, renderConfig, type LoadFlags } from '../stack-file/load.js';
import { noteLine } from '../stack-file/problems.js';
import { repeated } from './flags.js';

interface ConfigFlags extends LoadFlags {
  skipInterpolation?: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .option('-c, --compose-file <file>', 'stack file, or - for stdin; several are merged (repeat, or separate by commas)', repeated)
    .option('--env-file <file>', 'variables for ${NAME} in the files instead of those in .env; may be repeated', repeated)
    .option('--skip-interpolation', 'leave ${NAME} as it is')
    .action((flags: ConfigFlags) => printConfig(session, flags));
}

/** Works without a manager. */
async function printConfig(session: Session, flags: ConfigFlags): Promise<void> {
  const { config, notes } = await loadStack(session, flags);
  for (const note of notes) session.err.write(`${noteLine(note)}\n`);
  session.out.write(renderConfig(config));
}
