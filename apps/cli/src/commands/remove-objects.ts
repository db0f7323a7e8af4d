import type { Command } from 'commander';
import type { Session } from '../session.js';
import { forEachName } from './each.js';
import { pathOf, refusingUnknown, type LookupKind } from './lookup.js';

/** `rm NAME…` of things that go at once. Prints each name that was removed. */
export function defineRemove(command: Command, session: Session, kind: LookupKind): void {
  command.argument(`<${kind}...>`, 'names or ids').action((names: string[]) =>
    forEachName(session, names, async (name) => {
      const api = session.api();
      await refusingUnknown(api, kind, name, () => api.delete(pathOf(kind, name)));
      session.out.write(`${name}\n`);
    }),
  );
}
