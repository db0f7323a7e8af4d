import { Command, CommanderError } from 'commander';
import { defer, loadInto, type LazyCommand } from './commands/lazy.js';
import { nouns, topCommands } from './commands/table.js';
import { protectExec } from './exec-words.js';
import { describeStatusOf } from './failure-report.js';
import { clientVersion } from './client-version.js';
import { EndedWith, exitStatus, type ExitStatus } from './exit-status.js';
import type { Session } from './session.js';

/** Runs one command line. Returns the exit status; errors have been printed. */
export async function runProgram(args: string[], session: Session, setHost: (host: string) => void): Promise<number> {
  const program = buildProgram(session, setHost);
  try {
    await program.parseAsync(withoutBooleanValues(protectExec(args)), { from: 'user' });
    return exitStatus.done;
  } catch (error) {
    if (error instanceof EndedWith) return error.status;
    if (error instanceof CommanderError) return usageStatus(error, session);
    const { status, message } = describeStatusOf(error, session);
    if (message) session.err.write(`${message}\n`);
    return status === exitStatus.badUsage ? compatible(status, session) : status;
  }
}

/** The whole tree of commands. Flags of a command are known only once its file is loaded. */
function buildProgram(session: Session, setHost: (host: string) => void): Command {
  const program = configure(new Command('shoal'), session)
    .description('Run stacks of containers on a cluster of Linux machines')
    .usage('[options] COMMAND')
    .version(`shoal version ${clientVersion}`, '-v, --version', 'print the version of this program')
    .option('-H, --host <address>', 'manager to talk to: unix:///path or tcp://name:port')
    .option('--no-color', 'no colours, even on a terminal')
    .helpCommand(false)
    .hook('preSubcommand', async (_, subcommand) => loadInto(subcommand, session))
    .addHelpText('after', '\nRun "shoal COMMAND --help" for more about a command, "shoal help exit-codes" for the exit statuses.');
  program.on('option:host', setHost);
  program.on('option:no-color', () => (session.env['NO_COLOR'] = '1'));
  for (const noun of nouns) {
    const command = configure(program.command(noun.name), session).description(noun.summary).helpCommand(false);
    command.hook('preSubcommand', async (_, subcommand) => loadInto(subcommand, session));
    for (const verb of noun.verbs) addLazy(command, verb, session);
  }
  for (const command of topCommands) addLazy(program, command, session);
  return program;
}

function addLazy(parent: Command, lazy: LazyCommand, session: Session): void {
  const command = configure(parent.command(lazy.name), session).description(lazy.summary);
  if (lazy.aliases) command.aliases(lazy.aliases);
  defer(command, lazy);
}

function configure(command: Command, session: Session): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => session.out.write(text),
    writeErr: (text) => session.err.write(text),
    getOutHelpWidth: () => session.out.columns,
    getErrHelpWidth: () => session.err.columns,
  });
}

function usageStatus(error: CommanderError, session: Session): ExitStatus | 125 {
  if (error.exitCode === 0 || error.code === 'commander.help') return exitStatus.done; // `shoal stack` alone asks for help
  return compatible(exitStatus.badUsage, session);
}

const booleanFlags = /^(--(?:detach|quiet|prune|force|follow|raw|timestamps|no-trunc|no-resolve|json))=(true|false|1|0)$/i;

/** Scripts written for docker say `--detach=false`; all such flags are off unless they are given. */
function withoutBooleanValues(args: string[]): string[] {
  const end = args.indexOf('--');
  const flags = end < 0 ? args : args.slice(0, end);
  const plain = flags.flatMap((arg) => {
    const match = booleanFlags.exec(arg);
    if (!match) return [arg];
    return /true|1/i.test(match[2]!) ? [match[1]!] : [];
  });
  return end < 0 ? plain : [...plain, ...args.slice(end)];
}

/** Scripts written for docker look for 125. */
function compatible(status: ExitStatus, session: Session): ExitStatus | 125 {
  return session.env['DOCKER_COMPAT'] === '1' ? 125 : status;
}
