import type { Command } from 'commander';
import type { Volume } from '../api-client/types.js';
import type { Session } from '../session.js';
import { labelsOf } from './create-from-file.js';
import { repeated } from './flags.js';

interface CreateFlags {
  driver: string;
  label?: string[];
  opt?: string[];
}

export function define(command: Command, session: Session): void {
  command
    .argument('<name>')
    .option('-d, --driver <driver>', 'kind of volume', 'local')
    .option('-l, --label <key=value>', 'label; may be repeated', repeated)
    .option('-o, --opt <key=value>', 'option of the driver: type, o, device as for mount; may be repeated', repeated)
    .action((name: string, flags: CreateFlags) => createVolume(session, name, flags));
}

/** Prints the name. */
async function createVolume(session: Session, name: string, flags: CreateFlags): Promise<void> {
  const body = { Name: name, Driver: flags.driver, Labels: labelsOf(flags.label), DriverOpts: labelsOf(flags.opt) };
  const { Name } = await session.api().post<Volume>('/volumes/create', body);
  session.out.write(`${Name}\n`);
}
