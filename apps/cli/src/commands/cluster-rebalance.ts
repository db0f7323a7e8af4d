import type { Command } from 'commander';
import { alignTabs } from '../output/table.js';
import type { Session } from '../session.js';

interface Rebalance {
  moves: { task: string; from: string; to: string; why: string }[];
}

export function define(command: Command, session: Session): void {
  command
    .option('--dry-run', 'only say which tasks would move')
    .option('--json', 'all of it as JSON')
    .addHelpText('after', '\nOf each service as many tasks move at once as an update replaces, in the order of its updates.')
    .action((flags: { dryRun?: boolean; json?: boolean }) => rebalance(session, flags));
}

async function rebalance(session: Session, { dryRun, json }: { dryRun?: boolean; json?: boolean }): Promise<void> {
  const found = await session.api().post<Rebalance>('/shoal/v1/rebalance', undefined, { query: { dryRun: dryRun ? 1 : undefined } });
  for (const line of json ? [JSON.stringify(found, null, 2)] : lines(found, dryRun ?? false)) session.out.write(`${line}\n`);
}

function lines({ moves }: Rebalance, dryRun: boolean): string[] {
  if (moves.length === 0) return ['the balance is as good as it gets'];
  const rows = moves.map(({ task, from, to, why }) => [task, from, to, why].join('\t'));
  const count = `${moves.length} ${moves.length === 1 ? 'task' : 'tasks'}`;
  return [...alignTabs([['TASK', 'FROM', 'TO', 'WHY'].join('\t'), ...rows]), '', dryRun ? `${count} would move` : `${count} to move; each goes once another has taken its place`];
}
