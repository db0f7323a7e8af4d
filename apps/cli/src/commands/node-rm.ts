import type { Command } from 'commander';
import { ApiError } from '../api-client/errors.js';
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
        try {
          await refusingUnknown(api, 'node', name, () => api.delete(pathOf('node', name), { query: { force: force ? 1 : undefined } }));
        } catch (error) {
          throw withNextStep(name, error);
        }
        session.out.write(`${name}\n`);
      }),
    );
}

/** The refusal is Docker's, word for word; it names the id and leaves the user there. */
function withNextStep(name: string, error: unknown): unknown {
  if (!(error instanceof ApiError) || !error.message.includes('is not down')) return error;
  return new ApiError(error.status, `${error.message}; stop the agent on ${name} first and wait until it is down, or use --force`, error.body);
}
