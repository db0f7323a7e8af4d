import type { Command } from 'commander';
import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { registryLogins } from '../registry-logins/registry-logins.js';
import { badUsage } from '../exit-status.js';
import type { Session } from '../session.js';
import { referencedVariables } from '../stack-file/environment.js';
import { loadStack, readAttachments, type LoadedStack, type LoadFlags } from '../stack-file/load.js';
import type { FileProblem } from '../stack-file/problems.js';
import { changeRequest, type ChangeFlags, type ChangeRequest } from './apply-stack.js';
import { addFileFlags } from './file-flags.js';
import { checkStackName } from './stacks.js';

export interface DeployFlags extends LoadFlags, ChangeFlags {
  withRegistryAuth?: boolean;
  resolveImage?: string;
}

export function addDeployFlags(command: Command): Command {
  return addFileFlags(command.argument('[stack]', 'name of the stack; without it the name that the first file gives'))
    .option('--prune', 'remove services that the files no longer have')
    .option('--if-revision <number>', 'only if the stack is still at this revision (0: only if there is none)')
    .option('--with-registry-auth', 'pass on the logins of docker login to the nodes that pull')
    .option('--resolve-image <when>', 'taken from scripts for docker; has no effect here');
}

interface DeployRequest extends ChangeRequest {
  files: LoadedStack['files'];
  workingDir: string;
  /** What `~` stands for in a bind mount; without it `~` stays as it is. */
  homeDir: string | undefined;
  env: Record<string, string>;
  profiles: string[];
  /** Content of the files that the stack names, in base64, by path. */
  attachments: Record<string, string>;
  registryLogins?: Record<string, RegistryCredentials>;
}

/** Reads and checks the files here, and puts all that they name into one request. Without `stack` they say what it is called. */
export async function deployRequest(session: Session, given: string | undefined, flags: DeployFlags): Promise<{ stack: string; path: string; body: DeployRequest; notes: FileProblem[] }> {
  // Nothing is ignored silently.
  if (flags.resolveImage) session.err.write('note: --resolve-image has no effect: image names are deployed as they are written\n');
  const change = changeRequest(session, flags);
  if (given !== undefined) checkStackName(given);
  const loaded = await loadStack(session, flags);
  const stack = given ?? nameOf(loaded);
  const body = { ...change, ...bundleOf(loaded, stack) };
  const registry = flags.withRegistryAuth ? { registryLogins: await registryLogins(session, imagesOf(loaded)) } : {};
  return { stack, path: '', body: { ...body, ...registry }, notes: loaded.notes };
}

function nameOf({ config }: LoadedStack): string {
  if (config.name === undefined) throw badUsage('name the stack: as the last word of the command, or with a top-level "name" in the file');
  checkStackName(config.name);
  return config.name;
}

function imagesOf({ config }: LoadedStack): string[] {
  return [...config.services.values()].flatMap(({ image }) => image ?? []);
}

function bundleOf(loaded: LoadedStack, stack: string): Omit<DeployRequest, keyof ChangeRequest> {
  const contents = readAttachments(loaded, stack);
  const textOf = (path: string): string => contents.get(path)?.toString('utf8') ?? '';
  const stackFiles = [...loaded.files.map((file) => file.text), ...loaded.config.sourceFiles.map(textOf)];
  const attachments = [...contents.values()].map((content) => content.toString('utf8'));
  return {
    files: loaded.files,
    workingDir: loaded.workingDir,
    homeDir: loaded.homeDir,
    env: referencedVariables(stackFiles, attachments, loaded.environment),
    profiles: loaded.profiles,
    attachments: Object.fromEntries([...contents].map(([path, content]) => [path, content.toString('base64')])),
  };
}

/** The command line that deploys what these flags plan, onto the revision that the manager has told. */
export function deployCommand(stack: string, { composeFile = [], envFile = [], profile = [], prune, withRegistryAuth }: DeployFlags): (onto: number) => string {
  const files = [...composeFile.flatMap((file) => ['-c', file]), ...envFile.flatMap((file) => ['--env-file', file]), ...profile.flatMap((name) => ['--profile', name])];
  const flags = [...(prune ? ['--prune'] : []), ...(withRegistryAuth ? ['--with-registry-auth'] : [])];
  return (onto) => ['shoal stack deploy', ...files.map(quoted), ...flags, `--if-revision ${onto}`, stack].join(' ');
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
