import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { exitStatus } from './exit-status.js';

/** What runs on the hosts of a cluster for as long as they are part of it. */
const hostPrograms = ['agent', 'manager'] as const;
export type HostProgram = (typeof hostPrograms)[number];

export function isHostProgram(name: string | undefined): name is HostProgram {
  return hostPrograms.some((program) => program === name);
}

/** This process becomes the program, as if its launcher beside ours had been called with `args`: it parses them and ends the process. */
export function becomeHostProgram(program: HostProgram, args: readonly string[]): void {
  const launcher = join(dirname(realpathSync(process.argv[1]!)), '..', program, `${program}.cjs`);
  if (!existsSync(launcher)) {
    process.stderr.write(`shoal ${program}: there is no ${launcher}: this installation has only the command line\n`);
    process.exit(exitStatus.failed);
  }
  process.argv = [process.argv[0]!, launcher, ...args];
  createRequire(launcher)(launcher);
}

/** For `shoal help agent` and where options stand before the command; its own flags are its own to explain. */
export function defineHostProgram(command: Command, program: HostProgram): void {
  command
    .allowUnknownOption()
    .argument('[options...]')
    .usage('[options]')
    .addHelpText('after', `\nRun "shoal ${program} --help" for its options.`)
    .action((args: string[]) => becomeHostProgram(program, args));
}
