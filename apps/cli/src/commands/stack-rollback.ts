import type { Command } from 'commander';
import type { Session } from '../session.js';
import { applyStack, changeRequest, planStack, revisionNumber, type ChangeFlags } from './apply-stack.js';
import { checkStackName } from './stacks.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

export function define(command: Command, session: Session): void {
  addWaitFlags(
    command
      .argument('<stack>', 'name of the stack')
      .argument('[revision]', 'number of the revision to go back to (see shoal stack history); without it, the one before the newest')
      .option('--prune', 'remove services that the revision did not have')
      .option('--if-revision <number>', 'only if the stack is still at this revision')
      .option('--dry-run', 'only say what would change, as shoal stack plan does'),
  ).action((stack: string, revision: string | undefined, flags: ChangeFlags & WaitFlags) => rollBack(session, stack, revision, flags));
}

async function rollBack(session: Session, stack: string, revision: string | undefined, flags: ChangeFlags & WaitFlags): Promise<void> {
  timeoutMsOf(flags);
  checkStackName(stack);
  const to = revision === undefined ? {} : { revision: revisionNumber(revision, 'revision') };
  const request = { path: '/rollback', body: { ...changeRequest(session, flags), ...to }, notes: [] };
  const command = (onto: number) => ['shoal stack rollback', ...(flags.prune ? ['--prune'] : []), `--if-revision ${onto}`, stack, ...(revision ? [revision] : [])].join(' ');
  if (flags.dryRun) await planStack(session, stack, request, command, flags);
  else await applyStack(session, stack, request, flags);
}
