import { resolve } from 'node:path';
import type { OciContainers } from '../../../libs/runtime/src/oci/index.js';
import { signalNumber } from '../../../libs/runtime/src/signals.js';
import { BadUsage, type FlagTable, type ParsedArguments } from './arguments.js';
import type { Log } from './log.js';

export interface Call {
  args: ParsedArguments;
  containers(): OciContainers;
  log: Log;
  debug: boolean;
}

export interface Command {
  about: string;
  usage: string;
  flags: FlagTable;
  shorts?: Record<string, string>;
  /** The answer is the exit status. */
  run(call: Call): number | Promise<number>;
}

const createFlags: FlagTable = {
  bundle: 'text', 'console-socket': 'text', 'pid-file': 'text', 'no-pivot': 'switch', 'no-new-keyring': 'switch', 'preserve-fds': 'text', 'pidfd-socket': 'text',
};

const create: Command = {
  about: 'creates a container from a bundle',
  usage: '[--bundle DIR] [--console-socket PATH] [--pid-file PATH] [--preserve-fds N] CONTAINER',
  flags: createFlags,
  shorts: { b: 'bundle' },
  async run({ args, containers }) {
    const { launcher } = await containers().create(onlyId(args), createOptions(args, false));
    launcher.close();
    return 0;
  },
};

const start: Command = {
  about: 'executes the program of a created container',
  usage: 'CONTAINER',
  flags: {},
  async run({ args, containers }) {
    await containers().start(onlyId(args));
    return 0;
  },
};

const state: Command = {
  about: 'prints the state of a container as JSON',
  usage: 'CONTAINER',
  flags: {},
  run({ args, containers }) {
    process.stdout.write(`${JSON.stringify(containers().state(onlyId(args)), null, 2)}\n`);
    return 0;
  },
};

const kill: Command = {
  about: 'sends a signal, SIGTERM unless told otherwise',
  usage: '[--all] CONTAINER [SIGNAL]',
  flags: { all: 'switch', regex: 'switch' },
  shorts: { a: 'all' },
  run({ args, containers }) {
    const [id, signal = 'TERM'] = words(args, 1, 2);
    containers().kill(id!, signalNumber(signal), args.has('all'));
    return 0;
  },
};

const remove: Command = {
  about: 'removes a container that has stopped',
  usage: '[--force] CONTAINER',
  flags: { force: 'switch', regex: 'switch' },
  shorts: { f: 'force' },
  async run({ args, containers }) {
    await containers().delete(onlyId(args), args.has('force'));
    return 0;
  },
};

const pause: Command = {
  about: 'stops all processes of a container',
  usage: 'CONTAINER',
  flags: {},
  async run({ args, containers }) {
    await containers().pause(onlyId(args));
    return 0;
  },
};

const resume: Command = {
  about: 'lets a paused container go on',
  usage: 'CONTAINER',
  flags: {},
  run({ args, containers }) {
    containers().resume(onlyId(args));
    return 0;
  },
};

export const commands: Record<string, Command> = { create, start, state, kill, delete: remove, pause, resume };

function createOptions(args: ParsedArguments, stay: boolean) {
  const path = (name: string) => (args.text(name) ? { [name === 'pid-file' ? 'pidFile' : 'consoleSocket']: resolve(args.text(name)!) } : {});
  return { bundle: resolve(args.text('bundle') ?? '.'), preservedDescriptors: descriptorCount(args), stay, ...path('pid-file'), ...path('console-socket') };
}

/** What the caller names, and what socket activation hands over. */
function descriptorCount(args: ParsedArguments): number {
  const given = Number(args.text('preserve-fds') ?? 0);
  if (!Number.isInteger(given) || given < 0) throw new BadUsage(`invalid value "${args.text('preserve-fds')}" for flag -preserve-fds`);
  return given;
}

function onlyId(args: ParsedArguments): string {
  return words(args, 1, 1)[0]!;
}

function words({ words: given }: ParsedArguments, least: number, most: number): string[] {
  if (given.length < least || given.length > most) throw new BadUsage(`this command requires ${least === most ? `exactly ${least}` : `${least} to ${most}`} argument(s), not ${given.length}`);
  return given;
}
