import type { Command } from 'commander';
import type { Session } from '../session.js';
import { planStack, type PlanFlags } from './apply-stack.js';
import { addDeployFlags, deployCommand, deployRequest, type DeployFlags } from './deploy-request.js';

export function define(command: Command, session: Session): void {
  addDeployFlags(command)
    .option('-q, --quiet', 'only the exit status')
    .option('--json', 'all of it as JSON')
    .addHelpText('after', '\nEnds with 0 when nothing would change, 2 when something would.\n\nExample:\n  shoal stack plan -c demo.yml demo')
    .action((stack: string | undefined, flags: DeployFlags & PlanFlags) => plan(session, stack, flags));
}

async function plan(session: Session, given: string | undefined, flags: DeployFlags & PlanFlags): Promise<void> {
  const { stack, ...request } = await deployRequest(session, given, { ...flags, dryRun: true });
  await planStack(session, stack, request, deployCommand(stack, flags), flags);
}
