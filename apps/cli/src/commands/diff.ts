import type { Command } from 'commander';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import type { Session } from '../session.js';

const letters = ['C', 'A', 'D'];

export function define(command: Command, session: Session): void {
  command.argument('<container|task|service>', 'id or name').action((target: string) => showChanges(session, target));
}

async function showChanges(session: Session, target: string): Promise<void> {
  const { Id } = await findTarget(session, target);
  const changes = (await session.api().get<{ Path: string; Kind: number }[] | null>(pathOf(Id, 'changes'))) ?? [];
  for (const { Path, Kind } of changes) session.out.write(`${letters[Kind] ?? '?'} ${Path}\n`);
}
