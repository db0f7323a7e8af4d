import { resolve } from 'node:path';
import type { OciProcess, OciSpec } from '../../../libs/runtime/src/oci/index.js';
import { readJson } from '../../../libs/runtime/src/oci/read-spec.js';
import { BadUsage, type ParsedArguments } from './arguments.js';
import { activationEnvironment, descriptorCount, type Command } from './command.js';
import { waitInForeground } from './foreground.js';

export const execCommand: Command = {
  about: 'runs one process more in a container',
  usage: '[--process FILE] [--detach] [--tty] [--env K=V] [--cwd DIR] [--user UID[:GID]] CONTAINER [COMMAND...]',
  flags: {
    'console-socket': 'text', cwd: 'text', env: 'list', tty: 'switch', user: 'text', 'additional-gids': 'list', process: 'text', detach: 'switch', 'pid-file': 'text',
    'process-label': 'text', apparmor: 'text', 'no-new-privs': 'switch', cap: 'list', 'preserve-fds': 'text', 'ignore-paused': 'switch', cgroup: 'list', 'pidfd-socket': 'text',
    'no-subreaper': 'switch',
  },
  failureStatus: 255,
  wordsEndFlags: true,
  shorts: { e: 'env', t: 'tty', u: 'user', g: 'additional-gids', p: 'process', d: 'detach', c: 'cap' },
  async run({ args, containers }) {
    const [id, ...argv] = args.words;
    if (!id) throw new BadUsage('this command requires a container');
    const all = containers();
    const spec = all.store.require(id).spec;
    const stay = !args.has('detach');
    const socket = args.text('console-socket');
    const pidFile = args.text('pid-file');
    const launcher = await all.exec(id, processOf(args, argv, spec), {
      stay,
      preservedDescriptors: descriptorCount(args),
      extraEnvironment: activationEnvironment(),
      evenPaused: args.has('ignore-paused'),
      groups: parseGroups(args.list('cgroup')),
      ...(socket ? { consoleSocket: resolve(socket) } : {}),
      ...(pidFile ? { pidFile: resolve(pidFile) } : {}),
    });
    if (stay) return waitInForeground(launcher);
    launcher.close();
    return 0;
  },
};

/** `[CONTROLLER,…:]PATH` */
function parseGroups(given: readonly string[]): Map<string, string> {
  return new Map(given.flatMap((text) => {
    const at = text.indexOf(':');
    return (at < 0 ? [''] : text.slice(0, at).split(',')).map((controller): [string, string] => [controller, text.slice(at + 1)]);
  }));
}

/** From `--process`, or the container's own with what the flags change. */
function processOf(args: ParsedArguments, argv: string[], spec: OciSpec): OciProcess {
  const file = args.text('process');
  if (file) return readJson(file, 'process file not found') as OciProcess;
  if (argv.length === 0) throw new BadUsage('exec args cannot be empty');
  const own = spec.process ?? { cwd: '/' };
  const user = args.text('user');
  const gids = args.list('additional-gids').map(parseId);
  return {
    ...own,
    args: argv,
    terminal: args.has('tty'),
    cwd: args.text('cwd') ?? own.cwd,
    env: [...(own.env ?? []), ...args.list('env')],
    ...(args.has('no-new-privs') ? { noNewPrivileges: true } : {}),
    ...(args.text('apparmor') ? { apparmorProfile: args.text('apparmor')! } : {}),
    ...(args.text('process-label') ? { selinuxLabel: args.text('process-label')! } : {}),
    capabilities: withCapabilities(own.capabilities, args.list('cap')),
    user: { ...(own.user ?? { uid: 0, gid: 0 }), ...(user ? parseUser(user) : {}), ...(gids.length > 0 ? { additionalGids: [...(own.user?.additionalGids ?? []), ...gids] } : {}) },
  };
}

/** Numbers only: names are the caller's to look up. */
function parseUser(text: string): { uid: number; gid: number } | { uid: number } {
  const [uid = '', gid] = text.split(':');
  return gid === undefined ? { uid: parseId(uid) } : { uid: parseId(uid), gid: parseId(gid) };
}

function parseId(text: string): number {
  if (!/^[0-9]+$/.test(text) || Number(text) > 0x7fffffff) throw new BadUsage(`parsing ${text} as int for uid or gid failed: it must be a number from 0 to 2147483647`);
  return Number(text);
}

function withCapabilities(own: OciProcess['capabilities'], added: string[]): NonNullable<OciProcess['capabilities']> {
  const join = (list: string[] | undefined) => [...new Set([...(list ?? []), ...added])];
  if (added.length === 0) return own ?? {};
  return {
    ...own, bounding: join(own?.bounding), effective: join(own?.effective), permitted: join(own?.permitted),
    // Only what is inheritable can be ambient.
    inheritable: own?.inheritable ? join(own.inheritable) : [], ambient: own?.ambient && own.inheritable ? join(own.ambient) : [],
  };
}
