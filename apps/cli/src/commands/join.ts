import type { Command } from 'commander';
import { joinCluster } from '../cluster/join.js';
import { startServices } from '../cluster/services.js';
import type { Session } from '../session.js';

interface Flags {
  token: string;
  stateDir: string;
  advertiseAddr?: string;
  dataPathAddr?: string;
  start: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .argument('<manager>', 'address of a manager, HOST:PORT')
    .requiredOption('--token <token>', 'what "shoal join-token worker" shows on a manager')
    .option('--advertise-addr <address>', 'address that other nodes reach this host at (default: the one this call comes from)')
    .option('--data-path-addr <address>', 'address for traffic between containers (default: the advertised one)')
    .option('--state-dir <folder>', 'where the state is kept', '/var/lib/shoal')
    .option('--no-start', 'only write the state; start nothing')
    .action(async (manager: string, flags: Flags) => {
      const { nodeId, role } = await joinCluster({
        stateDir: flags.stateDir,
        token: flags.token,
        manager,
        advertiseAddress: flags.advertiseAddr,
        dataPathAddress: flags.dataPathAddr,
        hostname: undefined,
      });
      session.out.write(`This node (${nodeId}) joined the cluster as a ${role}.\n\n`);
      session.out.write(await startServices(['agent'], flags));
    });
}
