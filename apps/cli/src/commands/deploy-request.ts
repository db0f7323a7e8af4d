import type { Command } from 'commander';
import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { registryLogins } from '../registry-logins/registry-logins.js';
import type { Session } from '../session.js';
import { referencedVariables } from '../stack-file/environment.js';
import { loadStack, readAttachments, type LoadedStack, type LoadFlags } from '../stack-file/load.js';
import type { FileProblem } from '../stack-file/problems.js';
import { changeRequest, type ChangeFlags, type ChangeRequest } from './apply-stack.js';
import { repeated } from './flags.js';

export interface DeployFlags extends LoadFlags, ChangeFlags {
  withRegistryAuth?: boolean;
  resolveImage?: string;
}

export function addDeployFlags(command: Command): Command {
  return command
    .argument('<stack>', 'name of the stack')
    .option('-c, --compose-file <file>', 'stack file, or - for stdin; several are merged (repeat, or separate by commas)', repeated)
    .option('--env-file <file>', 'variables for ${NAME} in the files, where the shell has none; may be repeated', repeated)
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
  /** Content of the files that the stack names, in base64, by path. */
  attachments: Record<string, string>;
  registryLogins?: Record<string, RegistryCredentials>;
}

/** Reads and checks the files here, and puts all that they name into one request. */
export async function deployRequest(session: Session, stack: string, flags: DeployFlags): Promise<{ path: string; body: DeployRequest; notes: FileProblem[] }> {
  // Nothing is ignored silently.
  if (flags.resolveImage) session.err.write('note: --resolve-image has no effect: image names are deployed as they are written\n');
  const change = changeRequest(session, flags);
  const loaded = await loadStack(session, flags);
  const body = { ...change, ...bundleOf(loaded, stack) };
  const registry = flags.withRegistryAuth ? { registryLogins: await registryLogins(session, imagesOf(loaded)) } : {};
  return { path: '', body: { ...body, ...registry }, notes: loaded.notes };
}

function imagesOf({ config }: LoadedStack): string[] {
  return [...config.services.values()].flatMap(({ image }) => image ?? []);
}

function bundleOf(loaded: LoadedStack, stack: string): Omit<DeployRequest, keyof ChangeRequest> {
  const contents = readAttachments(loaded, stack);
  const stackFiles = loaded.files.map((file) => file.text);
  const attachments = [...contents.values()].map((content) => content.toString('utf8'));
  return {
    files: loaded.files,
    workingDir: loaded.workingDir,
    homeDir: loaded.homeDir,
    env: referencedVariables(stackFiles, attachments, loaded.environment),
    attachments: Object.fromEntries([...contents].map(([path, content]) => [path, content.toString('base64')])),
  };
}

/** The command line that deploys what these flags plan, onto the revision that the manager has told. */
export function deployCommand(stack: string, { composeFile = [], envFile = [], prune, withRegistryAuth }: DeployFlags): (onto: number) => string {
  const files = [...composeFile.flatMap((file) => ['-c', file]), ...envFile.flatMap((file) => ['--env-file', file])];
  const flags = [...(prune ? ['--prune'] : []), ...(withRegistryAuth ? ['--with-registry-auth'] : [])];
  return (onto) => ['shoal stack deploy', ...files.map(quoted), ...flags, `--if-revision ${onto}`, stack].join(' ');
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
