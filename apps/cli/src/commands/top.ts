import type { Command } from 'commander';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import { alignTabs } from '../output/table.js';
import type { Session } from '../session.js';

interface Processes {
  Titles: string[];
  Processes: string[][];
}

export function define(command: Command, session: Session): void {
  command
    .argument('<container|task|service>', 'id or name')
    .argument('[ps arguments...]', 'as ps takes them, such as aux or -o pid,cmd (after --)')
    .action((target: string, words: string[]) => showProcesses(session, target, words));
}

async function showProcesses(session: Session, target: string, words: string[]): Promise<void> {
  const { Id } = await findTarget(session, target);
  const { Titles, Processes } = await session.api().get<Processes>(pathOf(Id, 'top'), { query: { ps_args: words.join(' ') || undefined } });
  for (const line of alignTabs([Titles, ...Processes].map((cells) => cells.join('\t')))) session.out.write(`${line}\n`);
}
