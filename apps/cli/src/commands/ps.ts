import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { ClusterNode } from '../api-client/types.js';
import { listContainers } from '../containers/containers.js';
import { badUsage } from '../exit-status.js';
import { containerListing } from '../lists/containers.js';
import { printListing, type ListFlags } from '../output/listing.js';
import type { Session } from '../session.js';
import { addFilterFlag, addListFlags, type FilterFlags } from './flags.js';

interface PsFlags extends ListFlags, FilterFlags {
  all?: boolean;
  last?: string;
  latest?: boolean;
  /** False with --no-trunc. */
  trunc: boolean;
}

export function define(command: Command, session: Session): void {
  addListFlags(addFilterFlag(command, 'name, label, status, node, health, network, volume, publish, …'))
    .option('-a, --all', 'those that have ended too')
    .option('-n, --last <number>', 'the newest ones, in any state')
    .option('-l, --latest', 'the newest one')
    .option('--no-trunc', 'full ids, images and commands')
    .action((flags: PsFlags) => listAll(session, flags));
}

async function listAll(session: Session, flags: PsFlags): Promise<void> {
  if (flags.last !== undefined && !/^\d+$/.test(flags.last)) throw badUsage(`--last: "${flags.last}" is not a number`);
  const limit = flags.latest ? 1 : Number(flags.last ?? 0) || undefined;
  const [containers, nodes] = await Promise.all([
    listContainers(session.api(), { ...(flags.all && { all: true }), filters: parseFilters(flags.filter), ...(limit && { limit }) }),
    session.api().get<ClusterNode[] | null>('/nodes'),
  ]);
  const names = new Map((nodes ?? []).map((node) => [node.ID, node.Description.Hostname ?? node.ID]));
  printListing(session, containerListing(containers, { nowMs: session.clock.wallMs(), noTrunc: !flags.trunc, nodeName: (id) => names.get(id) ?? id }), flags);
}
