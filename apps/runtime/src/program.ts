import { describeError, Refused } from '../../../libs/base/src/index.js';
import { OciContainers } from '../../../libs/runtime/src/oci/index.js';
import { BadUsage, parseArguments, type FlagTable } from './arguments.js';
import { commands } from './commands.js';
import { Log } from './log.js';
import { findShim, version } from './place.js';

const globalFlags: FlagTable = {
  root: 'text', log: 'text', 'log-format': 'text', debug: 'switch', 'systemd-cgroup': 'switch', rootless: 'text', criu: 'text', 'cgroup-manager': 'text',
  version: 'switch', help: 'switch',
};
/** In crun's manner, whose callers look here; systemd's part is sd_notify alone. */
const buildFeatures = '+SYSTEMD_NOTIFY +SELINUX +APPARMOR +CAP +SECCOMP +EBPF';
const defaultRoot = '/run/shoal-runtime';

/** Runs one command line; the answer is its exit status. */
export async function runProgram(given: readonly string[]): Promise<number> {
  const globals = parseArguments(given, globalFlags, { v: 'version', h: 'help' });
  if (globals.has('version')) return print(`shoal-runtime version ${version}\nspec: 1.2.0\n${buildFeatures}`);
  const [name, ...rest] = globals.words;
  if (!name || globals.has('help') || name === 'help') return print(usage());
  const log = new Log(globals.text('log'), globals.text('log-format') === 'json' ? 'json' : 'text', globals.has('debug'));
  const command = commands[name];
  try {
    if (!command) throw new BadUsage(`No help topic for '${name}'`);
    if (globals.has('systemd-cgroup') || globals.text('cgroup-manager') === 'systemd') {
      throw new Refused('unsupported', 'the systemd cgroup manager is not supported: let the caller use cgroupfs (podman: --cgroup-manager=cgroupfs; docker: native.cgroupdriver=cgroupfs)');
    }
    const args = parseArguments(rest, { ...command.flags, help: 'switch' }, { h: 'help', ...command.shorts }, command.wordsEndFlags ?? false);
    if (args.has('help')) return print(`NAME:\n   shoal-runtime ${name} - ${command.about}\n\nUSAGE:\n   shoal-runtime ${name} ${command.usage}`);
    log.write('debug', `shoal-runtime ${name} ${rest.join(' ')}`);
    const containers = () => new OciContainers(globals.text('root') ?? defaultRoot, findShim(), process.env['USER'] ?? 'root', (message) => log.write('warning', message));
    return await command.run({ args, containers, log, debug: globals.has('debug') });
  } catch (error) {
    log.write('error', describeError(error));
    return command?.failureStatus ?? 1;
  }
}

function usage(): string {
  const lines = Object.entries(commands).map(([name, { about }]) => `   ${name.padEnd(10)} ${about}`);
  return `NAME:\n   shoal-runtime - runs OCI bundles\n\nUSAGE:\n   shoal-runtime [--root DIR] [--log FILE] [--log-format text|json] [--debug] COMMAND ...\n\nCOMMANDS:\n${lines.join('\n')}`;
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
