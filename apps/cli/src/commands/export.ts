import type { Command } from 'commander';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import { badUsage } from '../exit-status.js';
import type { Session } from '../session.js';

export function define(command: Command, session: Session): void {
  command
    .argument('<container|task|service>', 'id or name')
    .option('-o, --output <file>', 'where to write the archive; default: standard output')
    .action((target: string, flags: { output?: string }) => exportFiles(session, target, flags));
}

async function exportFiles(session: Session, target: string, { output }: { output?: string }): Promise<void> {
  const { stdout } = session.streams();
  if (!output && stdout.isTTY) throw badUsage('an archive is nothing for a terminal: name a file with -o, or send it into a pipe');
  const { Id } = await findTarget(session, target);
  const body = await session.api().stream(pathOf(Id, 'export'));
  if (output) await pipeline(body, createWriteStream(resolve(session.workingDir, output)));
  else await pipeline(body, stdout, { end: false });
}
