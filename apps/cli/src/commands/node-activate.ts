import type { Command } from 'commander';
import type { Session } from '../session.js';
import { forEachName } from './each.js';
import { findNode } from './lookup.js';
import { setAvailability } from './set-availability.js';

export function define(command: Command, session: Session): void {
  command.argument('<node...>', 'names, ids or "self"').action((names: string[]) =>
    forEachName(session, names, async (name) => {
      const api = session.api();
      await setAvailability(api, await findNode(api, name), 'active');
      session.out.write(`${name}\n`);
    }),
  );
}
