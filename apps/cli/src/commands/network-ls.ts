import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { Network } from '../api-client/types.js';
import { networkListing } from '../lists/networks.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

type NetworkListFlags = ListFlags & FilterFlags & { trunc: boolean };

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'driver, id, label, name, scope, type')).option('--no-trunc', 'full ids');
  command.action((flags: NetworkListFlags) => listNetworks(session, flags));
}

async function listNetworks(session: Session, flags: NetworkListFlags): Promise<void> {
  const networks = await session.api().get<Network[] | null>('/networks', { filters: parseFilters(flags.filter) });
  printListing(session, networkListing(networks ?? [], !flags.trunc), flags);
}
