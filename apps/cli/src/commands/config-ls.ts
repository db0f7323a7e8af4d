import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { SecretOrConfig } from '../api-client/types.js';
import { configListing } from '../lists/secrets-configs.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'id, label, name'));
  command.action((flags: ListFlags & FilterFlags) => listConfigs(session, flags));
}

async function listConfigs(session: Session, flags: ListFlags & FilterFlags): Promise<void> {
  const found = await session.api().get<SecretOrConfig[] | null>('/configs', { filters: parseFilters(flags.filter) });
  printListing(session, configListing(found ?? [], session.clock.wallMs()), flags);
}
