import type { Command } from 'commander';
import { compareRevisions } from '../../../../libs/stack/src/index.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { revisionNumber } from './apply-stack.js';
import { revisionsOf, specOf } from './revisions.js';
import { fieldLines } from './stack-changes.js';

export function define(command: Command, session: Session): void {
  command
    .argument('<stack>', 'name of the stack')
    .argument('[from]', 'number of a revision; without it, the one before the newest')
    .argument('[to]', 'number of another; without it, the newest')
    .option('--json', 'the changes as JSON')
    .action((stack: string, from: string | undefined, to: string | undefined, flags: { json?: boolean }) => showDifference(session, stack, from, to, flags));
}

const marks: Record<string, string> = { create: '+', update: '~', remove: '-' };

async function showDifference(session: Session, stack: string, from: string | undefined, to: string | undefined, flags: { json?: boolean }): Promise<void> {
  const given = [from, to].map((text) => (text === undefined ? undefined : revisionNumber(text, 'revision')));
  const api = session.api();
  const [newest, previous] = await revisionsOf(api, stack);
  const older = given[0] ?? previous?.revision;
  if (older === undefined) throw new Failure(exitStatus.failed, `stack ${stack} has no revision before ${newest!.revision}: there is nothing to compare`);
  const newer = given[1] ?? newest!.revision;
  const changes = compareRevisions(await specOf(api, stack, older), await specOf(api, stack, newer));
  if (flags.json) return void session.out.write(`${JSON.stringify(changes, null, 2)}\n`);
  const lines = changes.flatMap((change) => [`  ${marks[change.action]} ${change.kind} ${change.name}`, ...fieldLines(change)]);
  session.out.write(`${[`${stack}  revision ${older} → ${newer}${lines.length === 0 ? ': the same' : ''}`, ...lines].join('\n')}\n`);
}
