import type { Command } from 'commander';
import type { Session } from '../session.js';
import { forEachName } from './each.js';
import { pathOf, refusingUnknown } from './lookup.js';

export function define(command: Command, session: Session): void {
  command
    .argument('<node...>', 'names or ids')
    .option('--force', 'also a node that is not down; its tasks are lost to the cluster')
    .action((names: string[], { force }: { force?: boolean }) =>
      forEachName(session, names, async (name) => {
        const api = session.api();
        await refusingUnknown(api, 'node', name, () => api.delete(pathOf('node', name), { query: { force: force ? 1 : undefined } }));
        session.out.write(`${name}\n`);
      }),
    );
}
