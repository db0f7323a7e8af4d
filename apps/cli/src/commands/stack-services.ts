import type { Command } from 'commander';
import { parseFilters, stackFilter } from '../api-client/filters.js';
import type { Service } from '../api-client/types.js';
import { serviceListing } from '../lists/services.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';
import { mergeFilters, nothingFound } from './stacks.js';

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command.argument('<stack>'), 'id, label, mode, name'));
  command.action((stack: string, flags: ListFlags & FilterFlags) => listStackServices(session, stack, flags));
}

async function listStackServices(session: Session, stack: string, flags: ListFlags & FilterFlags): Promise<void> {
  const api = session.api();
  const filters = mergeFilters(stackFilter(stack), parseFilters(flags.filter));
  const services = (await api.get<Service[] | null>('/services', { query: { status: true }, filters })) ?? [];
  if (services.length === 0) throw await nothingFound(api, stack);
  printListing(session, serviceListing(services), flags);
}
