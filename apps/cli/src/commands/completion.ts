import { Argument, type Command } from 'commander';
import { completeWords } from '../completion/complete.js';
import { completionScripts } from '../completion/scripts.js';
import type { Session } from '../session.js';

export function define(command: Command, session: Session): void {
  const shells = Object.keys(completionScripts);
  command
    .addArgument(new Argument('<shell>').choices([...shells, 'words']))
    .argument('[words...]', '(for the scripts: the words typed so far)')
    .addHelpText('after', '\nLoad it with: source <(shoal completion bash), or shoal completion fish | source')
    .action(async (shell: string, words: string[]) => {
      if (shell !== 'words') return session.out.write(completionScripts[shell as keyof typeof completionScripts]);
      for (const line of await completeWords(command.parent!, session, words)) session.out.write(`${line}\n`);
    });
}
