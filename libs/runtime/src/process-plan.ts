import { Refused } from '../../base/src/index.js';
import type { ContainerImage, ContainerRequest } from './runtime.js';
import type { ProcessPlan } from './container-config.js';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where `init: true` puts the init program. */
export const initPath = '/sbin/docker-init';

/** What the container's first process is, by Docker's rules of image and service. */
export function planProcess({ spec, image, hostname, stdinOnce }: ContainerRequest): ProcessPlan {
  const argv = planArguments(spec.command, spec.args, image);
  const terminal = spec.tty ?? false;
  return {
    argv: spec.init ? [initPath, '--', ...argv] : argv,
    env: planEnvironment(hostname, terminal, image.env, spec.env),
    user: spec.user || image.user,
    extraGroups: spec.groups ?? [],
    workingDirectory: normalWorkingDirectory(spec.dir || image.workingDir || '/'),
    terminal,
    openStdin: spec.openStdin ?? false,
    stdinOnce: stdinOnce ?? false,
  };
}

/** A given entrypoint drops the image's CMD; `['']` resets the entrypoint. */
function planArguments(command: string[] | undefined, args: string[] | undefined, image: ContainerImage): string[] {
  const hasCommand = command !== undefined && command.length > 0;
  const hasArguments = args !== undefined && args.length > 0;
  const entrypoint = hasCommand ? command.filter((word, index) => index > 0 || word !== '') : image.entrypoint;
  const rest = hasArguments ? args : hasCommand ? [] : image.cmd;
  const argv = [...entrypoint, ...rest];
  if (argv.length === 0 || argv[0] === '') throw new Refused('invalid', 'no command specified: neither the service nor its image names one');
  return argv;
}

/** Later entries replace by key; an entry without `=` unsets its key. HOME follows once the user is known. */
function planEnvironment(hostname: string, terminal: boolean, imageEnv: readonly string[], env: readonly string[]): string[] {
  const entries = new Map<string, string>([
    ['PATH', defaultPath],
    ['HOSTNAME', hostname],
  ]);
  if (terminal) entries.set('TERM', 'xterm');
  return mergeEnvironment(entries, [...imageEnv, ...env]);
}

export function mergeEnvironment(entries: Map<string, string>, changes: readonly string[]): string[] {
  for (const change of changes) {
    const at = change.indexOf('=');
    if (at < 0) entries.delete(change);
    else entries.set(change.slice(0, at), change.slice(at + 1));
  }
  return [...entries].map(([key, value]) => `${key}=${value}`);
}

/** HOME from the container's passwd, unless something set it. */
export function withHome(env: readonly string[], home: string): string[] {
  return env.some((entry) => entry.startsWith('HOME=')) ? [...env] : [...env, `HOME=${home}`];
}

export function normalWorkingDirectory(path: string): string {
  if (!path.startsWith('/')) throw new Refused('invalid', `the working directory "${path}" is not absolute`);
  return path;
}
