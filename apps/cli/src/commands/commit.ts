import type { Command } from 'commander';
import { findTarget, nodeNameOf } from '../containers/target.js';
import { badUsage } from '../exit-status.js';
import type { Session } from '../session.js';
import { repeated } from './flags.js';

interface CommitFlags {
  author?: string;
  message?: string;
  change?: string[];
  /** False with --no-pause. */
  pause: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .argument('<container|task|service>', 'id or name')
    .argument('[name:tag]', 'name of the image; without: only its id')
    .option('-a, --author <author>', 'who made it')
    .option('-m, --message <text>', 'what it is for')
    .option('-c, --change <line>', 'a line of a Dockerfile for its config, such as CMD ["sh"]; may be repeated', repeated)
    .option('--no-pause', 'let the container run meanwhile')
    .action((target: string, name: string | undefined, flags: CommitFlags) => commit(session, target, name, flags));
}

async function commit(session: Session, target: string, name: string | undefined, flags: CommitFlags): Promise<void> {
  const [, repo, tag] = /^(.*?)(?::([^:/]*))?$/.exec(name ?? '') ?? [];
  if (name?.includes('@')) throw badUsage(`"${name}": an image is named, and its digest follows from its content`);
  const container = await findTarget(session, target);
  const query = { container: container.Id, repo: repo || undefined, tag, author: flags.author, comment: flags.message, changes: flags.change?.join('\n'), pause: flags.pause ? 1 : 0 };
  const { Id } = await session.api().post<{ Id: string }>('/commit', undefined, { query, deadlineMs: Infinity });
  session.out.write(`${Id}\n`);
  session.err.write(`the image is on ${await nodeNameOf(session, container)} only: a service that uses it must be placed there\n`);
}
