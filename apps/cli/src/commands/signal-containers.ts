import type { Command } from 'commander';
import type { RequestOptions } from '../api-client/client.js';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import type { Session } from '../session.js';
import { forEachName } from './each.js';

/** Arguments of the commands that do one thing to each of some containers, and print their names. */
export function defineForEach<Flags>(command: Command, session: Session, verb: string, options: (flags: Flags) => RequestOptions): void {
  command.argument('<container|task|service...>', 'ids or names').action((targets: string[], flags: Flags) =>
    forEachName(session, targets, async (target) => {
      const { Id } = await findTarget(session, target);
      await session.api().post(pathOf(Id, verb), undefined, options(flags));
      session.out.write(`${target}\n`);
    }),
  );
}
