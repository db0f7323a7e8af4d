import type { Command } from 'commander';
import { revisionListing } from '../lists/revisions.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addListFlags } from './flags.js';
import { revisionsOf } from './revisions.js';

export function define(command: Command, session: Session): void {
  addListFlags(command.argument('<stack>', 'name of the stack')).action((stack: string, flags: ListFlags) => showHistory(session, stack, flags));
}

async function showHistory(session: Session, stack: string, flags: ListFlags): Promise<void> {
  printListing(session, revisionListing(stack, await revisionsOf(session.api(), stack), session.clock.wallMs()), flags);
}
