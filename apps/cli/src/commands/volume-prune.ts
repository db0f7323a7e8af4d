import type { Command } from 'commander';
import { badUsage } from '../exit-status.js';
import type { Session } from '../session.js';

interface PruneFlags {
  all?: boolean;
  force?: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .option('-a, --all', 'named volumes, too')
    .option('-f, --force', 'yes, remove them')
    .action((flags: PruneFlags) => pruneVolumes(session, flags));
}

/** Prints the names of what was removed. */
async function pruneVolumes(session: Session, { all, force }: PruneFlags): Promise<void> {
  if (!force) throw badUsage(`this removes every ${all ? '' : 'anonymous '}volume that no container uses, with its content: say --force`);
  const filters = all ? JSON.stringify({ all: ['true'] }) : undefined;
  const { VolumesDeleted } = await session.api().post<{ VolumesDeleted: string[] | null }>('/volumes/prune', undefined, { query: { filters } });
  for (const name of VolumesDeleted ?? []) session.out.write(`${name}\n`);
}
