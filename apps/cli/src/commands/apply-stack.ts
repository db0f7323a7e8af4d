import { userInfo } from 'node:os';
import type { ApiClient } from '../api-client/client.js';
import { ApiError } from '../api-client/errors.js';
import { stackFilter } from '../api-client/filters.js';
import { listByIds } from '../api-client/list-by-ids.js';
import type { Service } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { palette } from '../output/colour.js';
import { lookBefore } from '../progress/observe.js';
import type { Session } from '../session.js';
import { noteLine, problemLines, type FileProblem } from '../stack-file/problems.js';
import { awaitPruned } from './await-pruned.js';
import { awaited, awaitServices } from './await-services.js';
import { planLines, type PlanOutlook } from './plan-lines.js';
import { changeLines, type StackChange } from './stack-changes.js';
import { timeoutMsOf, type WaitFlags } from './wait-flags.js';

/** What the manager answers to a deploy or a rollback, or to a dry run of it. */
export interface DeployAnswer {
  revision?: number;
  changes?: StackChange[] | null;
  notes?: FileProblem[] | null;
  orphans?: { kind: string; name: string }[] | null;
  /** Ids of all services of the stack. */
  services?: string[] | null;
  /** Of a dry run. */
  plan?: PlanOutlook;
}

/** What every request that changes a stack says. */
export interface ChangeRequest {
  prune: boolean;
  dryRun: boolean;
  ifRevision?: number;
  /** For the history of the stack. */
  user: string;
}

export interface ChangeFlags {
  prune?: boolean;
  dryRun?: boolean;
  ifRevision?: string;
}

export function changeRequest(session: Session, flags: ChangeFlags): ChangeRequest {
  const ifRevision = flags.ifRevision === undefined ? {} : { ifRevision: revisionNumber(flags.ifRevision, '--if-revision') };
  return { prune: flags.prune ?? false, dryRun: flags.dryRun ?? false, ...ifRevision, user: unixUser(session) };
}

export function revisionNumber(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badUsage(`${what}: "${text}" is not the number of a revision`);
  return Number(text);
}

/** Who it was that became root to talk to the manager. */
function unixUser({ env }: Session): string {
  try {
    return env['SUDO_USER'] || userInfo().username;
  } catch {
    return String(process.getuid?.() ?? ''); // a user without an entry in /etc/passwd
  }
}

/** The manager reads files and writes one transaction, or looks all the way ahead; large stacks take a moment. */
const deployDeadlineMs = 60_000;

interface Application {
  /** Below the stack's own path. */
  path: string;
  body: ChangeRequest;
  /** What to say unless the manager has more to say. */
  notes: FileProblem[];
}

/** Deploys and waits until it runs; ends the command with its own status when that fails. */
export async function applyStack(session: Session, stack: string, application: Application, flags: WaitFlags): Promise<void> {
  timeoutMsOf(flags);
  const api = session.api();
  const before = (await api.get<Service[] | null>('/services', { query: { status: true }, filters: stackFilter(stack) })) ?? [];
  const baseline = await lookBefore(api, before);
  const answer = await postStack(api, stack, application);
  writeNotes(session, answer, application);
  const changes = answer.changes ?? [];
  if (!flags.quiet) for (const line of changeLines(changes)) session.out.write(`${line}\n`);
  const services = await servicesOf(api, answer.services ?? []);
  const watchCommand = `shoal stack ps ${stack}`;
  await awaitServices(session, { services: awaited(services), baseline, flags, changed: changes.length > 0, watchCommand });
  const pruned = changes.filter(({ action, kind }) => action === 'remove' && kind === 'service');
  if (!flags.detach) await awaitPruned(session, stack, pruned.map(({ name }) => name), flags);
}

export interface PlanFlags {
  quiet?: boolean;
  json?: boolean;
}

/** Says what would be done, and ends with the status that says whether there is anything. `command` would do it, onto that revision. */
export async function planStack(session: Session, stack: string, application: Application, command: (onto: number) => string, flags: PlanFlags): Promise<void> {
  const answer = await postStack(session.api(), stack, application);
  writeNotes(session, answer, application);
  const lines = flags.json ? [JSON.stringify(answer, null, 2)] : flags.quiet ? [] : planLines(stack, answer, command, palette(session.out, session.env));
  for (const line of lines) session.out.write(`${line}\n`);
  if ((answer.changes ?? []).length > 0) throw new Failure(exitStatus.wouldChange);
}

function writeNotes(session: Session, { notes, orphans }: DeployAnswer, application: Application): void {
  for (const note of notes ?? application.notes) session.err.write(`${noteLine(note)}\n`);
  for (const { kind, name } of orphans ?? []) session.err.write(`note: ${kind} ${name} belongs to the stack and is not in its files: it stays; --prune removes it\n`);
}

/** The file itself has been found valid here: what the manager objects to is how it goes with the cluster. */
async function postStack(api: ApiClient, stack: string, { path, body }: Application): Promise<DeployAnswer> {
  try {
    return await api.post<DeployAnswer>(`/shoal/v1/stacks/${encodeURIComponent(stack)}${path}`, body, { deadlineMs: deployDeadlineMs });
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
