import { resolve } from 'node:path';
import { Refused } from '../../../libs/base/src/index.js';
import { signalNumber } from '../../../libs/runtime/src/signals.js';
import type { FlagTable, ParsedArguments } from './arguments.js';
import { activationEnvironment, descriptorCount, onlyId, words, type Command } from './command.js';
import { execCommand } from './exec-command.js';
import { waitInForeground } from './foreground.js';
import { eventsCommand, featuresCommand, listCommand, psCommand, specCommand, updateCommand } from './inspect-commands.js';

const createFlags: FlagTable = {
  bundle: 'text', config: 'text', 'console-socket': 'text', 'pid-file': 'text', 'no-pivot': 'switch', 'no-new-keyring': 'switch', 'preserve-fds': 'text', 'pidfd-socket': 'text',
};

const create: Command = {
  about: 'creates a container from a bundle',
  usage: '[--bundle DIR] [--console-socket PATH] [--pid-file PATH] [--preserve-fds N] CONTAINER',
  flags: createFlags,
  shorts: { b: 'bundle', f: 'config' },
  async run({ args, containers }) {
    const { launcher } = await containers().create(onlyId(args), createOptions(args, false));
    launcher.close();
    return 0;
  },
};

const run: Command = {
  about: 'creates a container, starts it, and waits for its end',
  usage: '[--detach] [--keep] [the flags of create] CONTAINER',
  flags: { ...createFlags, detach: 'switch', keep: 'switch', 'no-subreaper': 'switch' },
  shorts: { b: 'bundle', f: 'config', d: 'detach' },
  async run({ args, containers }) {
    const id = onlyId(args);
    const all = containers();
    const stay = !args.has('detach');
    const { launcher } = await all.create(id, createOptions(args, stay));
    try {
      await all.start(id, stay);
      if (!stay) return 0;
      const status = await waitInForeground(launcher);
      if (!args.has('keep')) await all.delete(id, true);
      return status;
    } catch (error) {
      await all.delete(id, true);
      throw error;
    } finally {
      launcher.close();
    }
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
    // 0 only asks whether anybody is there.
    containers().kill(id!, signal === '0' ? 0 : signalNumber(signal), args.has('all'));
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

/** Named, so that a caller who asks is told, and not only that there is no such command. */
const unsupported = (name: string): Command => ({
  about: 'is not supported',
  usage: 'CONTAINER',
  flags: {},
  run: () => {
    throw new Refused('unsupported', `${name} is not supported: a container's processes cannot be frozen to disk`);
  },
});

export const commands: Record<string, Command> = {
  create, run, start, state, kill, delete: remove, exec: execCommand, ps: psCommand, pause, resume, update: updateCommand, list: listCommand,
  checkpoint: unsupported('checkpoint'), restore: unsupported('restore'), events: eventsCommand, features: featuresCommand, spec: specCommand,
};

function createOptions(args: ParsedArguments, stay: boolean) {
  const path = (name: string) => (args.text(name) ? { [name === 'pid-file' ? 'pidFile' : 'consoleSocket']: resolve(args.text(name)!) } : {});
  const config = args.text('config');
  return { bundle: resolve(args.text('bundle') ?? '.'), ...(config ? { config: resolve(config) } : {}), preservedDescriptors: descriptorCount(args), extraEnvironment: activationEnvironment(), stay, ...path('pid-file'), ...path('console-socket') };
}
