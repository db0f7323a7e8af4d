import type { Command } from 'commander';
import type { ApiClient } from '../api-client/client.js';
import { ApiError } from '../api-client/errors.js';
import { listByIds } from '../api-client/list-by-ids.js';
import { stackFilter } from '../api-client/filters.js';
import type { Service } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { lookBefore } from '../progress/observe.js';
import { registryLogins } from '../registry-logins/registry-logins.js';
import type { Session } from '../session.js';
import { referencedVariables } from '../stack-file/environment.js';
import { loadStack, readAttachments, type LoadedStack, type LoadFlags } from '../stack-file/load.js';
import { noteLine, problemLines, type FileProblem } from '../stack-file/problems.js';
import { awaited, awaitServices } from './await-services.js';
import { repeated } from './flags.js';
import { checkStackName } from './stacks.js';
import { changeLines, type StackChange } from './stack-changes.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

interface DeployFlags extends LoadFlags, WaitFlags {
  prune?: boolean;
  dryRun?: boolean;
  withRegistryAuth?: boolean;
  resolveImage?: string;
}

/** What the manager answers to a deploy, or to a dry run of it. */
interface DeployAnswer {
  revision?: number;
  changes?: StackChange[] | null;
  notes?: FileProblem[] | null;
  /** Ids of all services of the stack. */
  services?: string[] | null;
}

/** The manager reads files and writes one transaction; large stacks take a moment. */
const deployDeadlineMs = 60_000;

export function define(command: Command, session: Session): void {
  addWaitFlags(
    command
      .argument('<stack>', 'name of the stack')
      .option('-c, --compose-file <file>', 'stack file, or - for stdin; several are merged (repeat, or separate by commas)', repeated)
      .option('--env-file <file>', 'variables for ${NAME} in the files, where the shell has none; may be repeated', repeated)
      .option('--prune', 'remove services that the files no longer have')
      .option('--dry-run', 'only say what would change')
      .option('--with-registry-auth', 'pass on the logins of docker login to the nodes that pull')
      .option('--resolve-image <when>', 'taken from scripts for docker; has no effect here'),
  )
    .addHelpText('after', '\nExamples:\n  shoal stack deploy -c demo.yml demo\n  shoal stack deploy -c base.yml,site.yml --timeout 2m demo')
    .action((stack: string, flags: DeployFlags) => deploy(session, stack, flags));
}

async function deploy(session: Session, stack: string, flags: DeployFlags): Promise<void> {
  timeoutMsOf(flags);
  checkStackName(stack);
  for (const line of ineffectiveFlags(flags)) session.err.write(`${line}\n`);
  const loaded = await loadStack(session, flags);
  const body = requestBody(loaded, stack, flags);
  if (flags.withRegistryAuth) body.registryLogins = await registryLogins(session, imagesOf(loaded));
  const api = session.api();
  const filters = stackFilter(stack);
  const before = (await api.get<Service[] | null>('/services', { query: { status: true }, filters })) ?? [];
  const baseline = await lookBefore(api, before);
  const answer = await postStack(api, stack, body);
  for (const note of answer.notes ?? loaded.notes) session.err.write(`${noteLine(note)}\n`);
  const changes = answer.changes ?? [];
  if (!flags.quiet) for (const line of changeLines(changes, flags.dryRun ?? false)) session.out.write(`${line}\n`);
  if (flags.dryRun) return;
  const services = await servicesOf(api, answer.services ?? []);
  const watchCommand = `shoal stack ps ${stack}`;
  await awaitServices(session, { services: awaited(services), baseline, flags, changed: changes.length > 0, watchCommand });
}

/** Nothing is ignored silently. */
function ineffectiveFlags({ resolveImage }: DeployFlags): string[] {
  const lines: string[] = [];
  if (resolveImage) lines.push('note: --resolve-image has no effect: image names are deployed as they are written');
  return lines;
}

interface DeployRequest {
  files: LoadedStack['files'];
  workingDir: string;
  /** What `~` stands for in a bind mount; without it `~` stays as it is. */
  homeDir: string | undefined;
  env: Record<string, string>;
  /** Content of the files that the stack names, in base64, by path. */
  attachments: Record<string, string>;
  prune: boolean;
  dryRun: boolean;
  registryLogins?: Record<string, RegistryCredentials>;
}

function imagesOf({ config }: LoadedStack): string[] {
  return [...config.services.values()].flatMap(({ image }) => image ?? []);
}

function requestBody(loaded: LoadedStack, stack: string, flags: DeployFlags): DeployRequest {
  const contents = readAttachments(loaded, stack);
  const stackFiles = loaded.files.map((file) => file.text);
  const attachments = [...contents.values()].map((content) => content.toString('utf8'));
  return {
    files: loaded.files,
    workingDir: loaded.workingDir,
    homeDir: loaded.homeDir,
    env: referencedVariables(stackFiles, attachments, loaded.environment),
    attachments: Object.fromEntries([...contents].map(([path, content]) => [path, content.toString('base64')])),
    prune: flags.prune ?? false,
    dryRun: flags.dryRun ?? false,
  };
}

/** The file itself has been found valid here: what the manager objects to is how it goes with the cluster. */
async function postStack(api: ApiClient, stack: string, body: DeployRequest): Promise<DeployAnswer> {
  try {
    return await api.post<DeployAnswer>(`/shoal/v1/stacks/${encodeURIComponent(stack)}`, body, { deadlineMs: deployDeadlineMs });
  } catch (error) {
    const problems = error instanceof ApiError ? (error.body as { problems?: FileProblem[] } | undefined)?.problems : undefined;
    if (!problems || problems.length === 0) throw error;
    throw new Failure(exitStatus.failed, problemLines(problems));
  }
}

async function servicesOf(api: ApiClient, ids: string[]): Promise<Service[]> {
  const services = await listByIds<Service>(api, '/services', 'id', ids);
  return services.sort((a, b) => (a.Spec.Name < b.Spec.Name ? -1 : 1));
}
