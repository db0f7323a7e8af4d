import type { Command } from 'commander';
import type { Session } from '../session.js';
import { planStack, type PlanFlags } from './apply-stack.js';
import { addDeployFlags, deployCommand, deployRequest, type DeployFlags } from './deploy-request.js';
import { checkStackName } from './stacks.js';

export function define(command: Command, session: Session): void {
  addDeployFlags(command)
    .option('-q, --quiet', 'only the exit status')
    .option('--json', 'all of it as JSON')
    .addHelpText('after', '\nEnds with 0 when nothing would change, 2 when something would.\n\nExample:\n  shoal stack plan -c demo.yml demo')
    .action((stack: string, flags: DeployFlags & PlanFlags) => plan(session, stack, flags));
}

async function plan(session: Session, stack: string, flags: DeployFlags & PlanFlags): Promise<void> {
  checkStackName(stack);
  await planStack(session, stack, await deployRequest(session, stack, { ...flags, dryRun: true }), deployCommand(stack, flags), flags);
}
