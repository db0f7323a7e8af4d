import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { ClusterNode, Info } from '../api-client/types.js';
import { nodeListing } from '../lists/nodes.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'id, label, node.label, membership, name, role'));
  command.action((flags: ListFlags & FilterFlags) => listNodes(session, flags));
}

async function listNodes(session: Session, flags: ListFlags & FilterFlags): Promise<void> {
  const api = session.api();
  const nodes = (await api.get<ClusterNode[] | null>('/nodes', { filters: parseFilters(flags.filter) })) ?? [];
  const info = flags.quiet || nodes.length === 0 ? undefined : await api.get<Info>('/info');
  printListing(session, nodeListing(nodes, info), flags);
}
