import type { Command } from 'commander';
import { stackLabel } from '../../../../libs/model/src/index.js';
import type { Service } from '../api-client/types.js';
import { stackListing } from '../lists/stacks.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addListFlags } from './flags.js';

export function define(command: Command, session: Session): void {
  addListFlags(command).action((flags: ListFlags) => listStacks(session, flags));
}

async function listStacks(session: Session, flags: ListFlags): Promise<void> {
  const services = await session.api().get<Service[] | null>('/services', { filters: { label: [stackLabel] } });
  printListing(session, stackListing(services ?? []), flags);
}
