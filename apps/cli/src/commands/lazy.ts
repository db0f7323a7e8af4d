import type { Command } from 'commander';
import type { Session } from '../session.js';

/** A file under `commands/`: it adds arguments, flags and the action to its command. */
export interface CommandFile {
  define(command: Command, session: Session): void;
}

/** A command whose file is loaded only when it runs: starting is most of what a short command costs. */
export interface LazyCommand {
  name: string;
  summary: string;
  aliases?: string[];
  load: () => Promise<CommandFile>;
}

const notLoaded = new WeakMap<Command, LazyCommand>();

/** Makes `command` one whose file is still to be loaded. */
export function defer(command: Command, lazy: LazyCommand): void {
  notLoaded.set(command, lazy);
}

/** Loads the file of a command, unless that has been done or it has none. */
export async function loadInto(command: Command, session: Session): Promise<void> {
  const lazy = notLoaded.get(command);
  if (!lazy) return;
  notLoaded.delete(command);
  (await lazy.load()).define(command, session);
}
