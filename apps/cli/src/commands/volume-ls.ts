import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { VolumeList } from '../api-client/types.js';
import { volumeListing } from '../lists/volumes.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'dangling, driver, label, name'));
  command.action((flags: ListFlags & FilterFlags) => listVolumes(session, flags));
}

async function listVolumes(session: Session, flags: ListFlags & FilterFlags): Promise<void> {
  const { Volumes, Warnings } = await session.api().get<VolumeList>('/volumes', { filters: parseFilters(flags.filter) });
  printListing(session, volumeListing(Volumes ?? []), flags);
  for (const warning of Warnings ?? []) session.err.write(`${warning}\n`);
}
