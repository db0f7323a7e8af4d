import type { Command } from 'commander';
import type { ListFlags } from '../output/listing.js';

/** Gathers a flag that may be given several times. */
export function repeated(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export interface FilterFlags {
  filter?: string[];
}

export function addListFlags(command: Command): Command {
  return command
    .option('-q, --quiet', 'only ids')
    .option('--format <format>', 'table, "table TEMPLATE", json (one object per line), or a Go template')
    .option('--json', 'one JSON array');
}

export function addFilterFlag(command: Command, keys: string): Command {
  return command.option('-f, --filter <key=value>', `only what matches (${keys}); may be repeated`, repeated);
}

export interface TaskListFlags extends ListFlags, FilterFlags {
  /** False with --no-trunc. */
  trunc: boolean;
  /** False with --no-resolve. */
  resolve: boolean;
}

export function addTaskListFlags(command: Command): Command {
  addListFlags(addFilterFlag(command, 'id, name, node, desired-state'));
  return command.option('--no-trunc', 'full ids, images and errors').option('--no-resolve', 'ids instead of names');
}
