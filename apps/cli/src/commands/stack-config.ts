import type { Command } from 'commander';
import { renderConfig } from '../../../../libs/compose/src/index.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { loadStack, type LoadedStack, type LoadFlags } from '../stack-file/load.js';
import { noteLine } from '../stack-file/problems.js';
import { addFileFlags } from './file-flags.js';

export function define(command: Command, session: Session): void {
  addFileFlags(command)
    .option('--skip-interpolation', 'leave ${NAME} as it is')
    .action((flags: LoadFlags) => printConfig(session, flags));
}

/** Works without a manager. */
async function printConfig(session: Session, flags: LoadFlags): Promise<void> {
  const { config, notes } = await loadAsDockerDoes(session, flags);
  for (const note of notes) session.err.write(`${noteLine(note)}\n`);
  session.out.write(renderConfig(config));
}

/** Scripts that check files with `docker stack config` know 1 as its only refusal. */
async function loadAsDockerDoes(session: Session, flags: LoadFlags): Promise<LoadedStack> {
  try {
    return await loadStack(session, flags);
  } catch (error) {
    throw error instanceof Failure ? new Failure(exitStatus.failed, error.message) : error;
  }
}
