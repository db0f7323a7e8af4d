import type { Command } from 'commander';
import { Argument } from 'commander';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { refusingUnknown } from './lookup.js';
import { outlookLines, type Outlook } from './outlook-lines.js';

const changes = { 'node-down': 'down', 'node-drain': 'drain' } as const;

export function define(command: Command, session: Session): void {
  command
    .addArgument(new Argument('<event>', 'what might happen').choices(Object.keys(changes)))
    .argument('<node>', 'name or id')
    .option('--json', 'all of it as JSON')
    .addHelpText('after', '\nChanges nothing. Ends with 1 when tasks would find no node.\n\nExample:\n  shoal cluster what-if node-down node-2')
    .action((event: keyof typeof changes, node: string, flags: { json?: boolean }) => whatIf(session, event, node, flags));
}

async function whatIf(session: Session, event: keyof typeof changes, node: string, { json }: { json?: boolean }): Promise<void> {
  const api = session.api();
  const found = await refusingUnknown(api, 'node', node, () => api.get<Outlook>(`/shoal/v1/nodes/${encodeURIComponent(node)}/outlook`, { query: { change: changes[event] } }));
  for (const line of json ? [JSON.stringify(found, null, 2)] : outlookLines(found)) session.out.write(`${line}\n`);
  if (found.pending.length > 0) throw new Failure(exitStatus.failed);
}
