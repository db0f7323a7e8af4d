import type { Command } from 'commander';
import { badUsage, exitStatus, exitStatusMeanings } from '../exit-status.js';
import { didYouMean } from '../output/suggest.js';
import type { Session } from '../session.js';
import { loadInto } from './lazy.js';

export function define(command: Command, session: Session): void {
  command
    .argument('[words...]', 'a command, or the topic exit-codes')
    .action((words: string[]) => showHelp(command.parent!, session, words));
}

async function showHelp(program: Command, session: Session, words: string[]): Promise<void> {
  if (words[0] === 'exit-codes') return void session.out.write(exitCodesText());
  let at = program;
  for (const word of words) {
    const names = at.commands.flatMap((child) => [child.name(), ...child.aliases()]);
    const found = at.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (!found) throw badUsage(`there is no help about "${words.join(' ')}".${didYouMean(word, [...names, 'exit-codes'])}`);
    await loadInto(found, session);
    at = found;
  }
  at.outputHelp();
}

function exitCodesText(): string {
  const entries = Object.entries(exitStatusMeanings) as [keyof typeof exitStatus, string][];
  return `Exit statuses of shoal:\n\n${entries.map(([name, meaning]) => `${String(exitStatus[name]).padStart(5)}  ${meaning}\n`).join('')}`;
}
