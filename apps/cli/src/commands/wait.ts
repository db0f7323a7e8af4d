import type { Command } from 'commander';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import type { Session } from '../session.js';
import { forEachName } from './each.js';

export function define(command: Command, session: Session): void {
  command.argument('<container|task|service...>', 'ids or names').action((targets: string[]) =>
    forEachName(session, targets, async (target) => {
      const { Id } = await findTarget(session, target);
      const { StatusCode } = await session.api().post<{ StatusCode: number }>(pathOf(Id, 'wait'), undefined, { deadlineMs: Infinity });
      session.out.write(`${StatusCode}\n`);
    }),
  );
}
