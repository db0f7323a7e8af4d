import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { Service } from '../api-client/types.js';
import { serviceListing } from '../lists/services.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'id, label, mode, name'));
  command.action((flags: ListFlags & FilterFlags) => listServices(session, flags));
}

async function listServices(session: Session, flags: ListFlags & FilterFlags): Promise<void> {
  const services = await session.api().get<Service[] | null>('/services', {
    query: { status: true },
    filters: parseFilters(flags.filter),
  });
  printListing(session, serviceListing(services ?? []), flags);
}
