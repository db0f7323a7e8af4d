import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { SecretOrConfig } from '../api-client/types.js';
import { secretListing } from '../lists/secrets-configs.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'id, label, name'));
  command.action((flags: ListFlags & FilterFlags) => listSecrets(session, flags));
}

async function listSecrets(session: Session, flags: ListFlags & FilterFlags): Promise<void> {
  const found = await session.api().get<SecretOrConfig[] | null>('/secrets', { filters: parseFilters(flags.filter) });
  printListing(session, secretListing(found ?? [], session.clock.wallMs()), flags);
}
