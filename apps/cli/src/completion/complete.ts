import type { Command } from 'commander';
import { loadInto } from '../commands/lazy.js';
import { listContainers, serviceNameOf, taskNameOf } from '../containers/containers.js';
import { knownNames, type LookupKind } from '../commands/lookup.js';
import { revisionsOf } from '../commands/revisions.js';
import { stackNames } from '../commands/stacks.js';
import { parseHost } from '../api-client/host.js';
import { ApiClient } from '../api-client/client.js';
import type { Session } from '../session.js';

/** What the shell should complete itself: names of files. */
const filesPlease = ':files';

/** Candidates for the last of `words`, which may be empty. Asks the manager for live names. */
export async function completeWords(program: Command, session: Session, words: string[]): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const { command, before } = await descend(program, session, words.slice(0, -1));
  const option = command.options.find((o) => o.required && (o.short === before || o.long === before));
  if (option) return starting(option.argChoices ?? (takesFile(option.long) ? [filesPlease] : []), typed);
  if (typed.startsWith('-')) return starting(flagsOf(program, command), typed);
  if (command.commands.length > 0) return starting(command.commands.map((child) => child.name()), typed);
  const choices = command.registeredArguments[0]?.argChoices;
  return starting(choices ?? (await liveNames(command, session, words)), typed);
}

async function descend(program: Command, session: Session, words: string[]): Promise<{ command: Command; before: string }> {
  let command = program;
  for (const word of words) {
    const child = command.commands.find((c) => c.name() === word || c.aliases().includes(word));
    if (!child) continue;
    await loadInto(child, session);
    command = child;
  }
  return { command, before: words.at(-1) ?? '' };
}

function flagsOf(program: Command, command: Command): string[] {
  const flags = [...command.options, ...program.options].flatMap((option) => [option.long, option.short]);
  return [...flags.filter((flag) => flag !== undefined), '--help'];
}

function takesFile(flag: string | undefined): boolean {
  return flag === '--compose-file' || flag === '--env-file';
}

function starting(candidates: readonly string[], typed: string): string[] {
  return candidates.filter((candidate) => candidate === filesPlease || candidate.startsWith(typed));
}

const kinds = new Set<string>(['service', 'node', 'network', 'volume', 'secret', 'config'] satisfies LookupKind[]);

/** Names of what the command's first argument is; none when the manager does not answer: a shell wants no errors. */
async function liveNames(command: Command, session: Session, words: string[]): Promise<string[]> {
  const noun = command.parent?.name() ?? '';
  if (command.registeredArguments.length === 0) return [];
  if (command.name() === 'create') return [filesPlease];
  const api = apiFor(session, words);
  try {
    if (command.registeredArguments[0]?.name().startsWith('container|task')) return await containerNames(api);
    if (noun === 'stack') return await stackWords(api, command, words);
    if (!kinds.has(noun)) return [];
    const names = await knownNames(api, noun as LookupKind);
    return command.name() === 'scale' ? names.map((name) => `${name}=`) : names;
  } catch {
    return []; // whatever it was: the command itself will tell
  }
}

/** Tasks that run, and their services. */
async function containerNames(api: ApiClient): Promise<string[]> {
  const containers = await listContainers(api);
  return [...new Set([...containers.map(taskNameOf), ...containers.map(serviceNameOf)])];
}

/** A revision, where one may follow the stack. */
async function stackWords(api: ApiClient, command: Command, words: string[]): Promise<string[]> {
  const names = await stackNames(api);
  const stack = words.slice(0, -1).find((word) => names.includes(word));
  if (stack === undefined || (command.name() !== 'diff' && command.name() !== 'rollback')) return names;
  return (await revisionsOf(api, stack)).map(({ revision }) => String(revision));
}

/** The manager that the words typed so far name. */
function apiFor(session: Session, words: string[]): ApiClient {
  const at = words.findIndex((word) => word === '-H' || word === '--host');
  const host = words[at + 1];
  return at >= 0 && host ? new ApiClient(parseHost(host, session.env)) : session.api();
}
