import type { Command } from 'commander';
import type { Session } from '../session.js';
import { labelsOf } from './create-from-file.js';
import { repeated } from './flags.js';

interface CreateFlags {
  driver: string;
  subnet?: string[];
  gateway?: string[];
  attachable?: boolean;
  internal?: boolean;
  label?: string[];
  opt?: string[];
}

export function define(command: Command, session: Session): void {
  command
    .argument('<name>')
    .option('-d, --driver <driver>', 'kind of network', 'overlay')
    .option('--subnet <cidr>', 'address range, for example 10.20.0.0/24; may be repeated', repeated)
    .option('--gateway <address>', 'gateway of the subnet in the same place; may be repeated', repeated)
    .option('--attachable', 'single containers may join')
    .option('--internal', 'no way to the outside')
    .option('-l, --label <key=value>', 'label; may be repeated', repeated)
    .option('-o, --opt <key=value>', 'option of the driver; may be repeated', repeated)
    .action((name: string, flags: CreateFlags) => createNetwork(session, name, flags));
}

/** Prints the new id. */
async function createNetwork(session: Session, name: string, flags: CreateFlags): Promise<void> {
  const config = (flags.subnet ?? []).map((Subnet, i) => ({ Subnet, Gateway: flags.gateway?.[i] }));
  const answer = await session.api().post<{ Id: string; Warning?: string }>('/networks/create', {
    Name: name,
    Driver: flags.driver,
    Scope: 'swarm',
    IPAM: { Driver: 'default', Config: config },
    Attachable: flags.attachable ?? false,
    Internal: flags.internal ?? false,
    Labels: labelsOf(flags.label),
    Options: labelsOf(flags.opt),
  });
  if (answer.Warning) session.err.write(`${answer.Warning}\n`);
  session.out.write(`${answer.Id}\n`);
}
