import type { Command } from 'commander';
import type { Session } from '../session.js';
import { applyStack, planStack } from './apply-stack.js';
import { addDeployFlags, deployCommand, deployRequest, type DeployFlags } from './deploy-request.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

export function define(command: Command, session: Session): void {
  addWaitFlags(addDeployFlags(command).option('--dry-run', 'only say what would change, as shoal stack plan does'))
    .addHelpText('after', '\nExamples:\n  shoal stack deploy -c demo.yml demo\n  shoal stack deploy -c base.yml,site.yml --timeout 2m demo')
    .action((stack: string | undefined, flags: DeployFlags & WaitFlags) => deploy(session, stack, flags));
}

async function deploy(session: Session, given: string | undefined, flags: DeployFlags & WaitFlags): Promise<void> {
  timeoutMsOf(flags);
  const { stack, ...request } = await deployRequest(session, given, flags);
  if (flags.dryRun) await planStack(session, stack, request, deployCommand(stack, flags), flags);
  else await applyStack(session, stack, request, flags);
}
