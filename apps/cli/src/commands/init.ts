import type { Command } from 'commander';
import { initCluster } from '../cluster/init.js';
import { startServices } from '../cluster/services.js';
import type { Session } from '../session.js';

interface Flags {
  stateDir: string;
  advertiseAddr?: string;
  dataPathAddr?: string;
  port: string;
  start: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .option('--advertise-addr <address>', 'address that other nodes reach this host at')
    .option('--data-path-addr <address>', 'address for traffic between containers (default: the advertised one)')
    .option('--port <number>', 'port that nodes dial', '2377')
    .option('--state-dir <folder>', 'where the state is kept', '/var/lib/shoal')
    .option('--no-start', 'only write the state; start nothing')
    .action(async (flags: Flags) => {
      const result = await initCluster({
        stateDir: flags.stateDir,
        advertiseAddress: flags.advertiseAddr,
        dataPathAddress: flags.dataPathAddr,
        port: Number(flags.port),
      });
      session.out.write(`Cluster initialized: current node (${result.nodeId}) is now a manager.\n\n`);
      session.out.write(await startServices(['manager', 'agent'], flags));
      session.out.write(
        `To add a worker to this cluster, run the following command on it:\n\n    shoal join --token ${result.workerToken} ${result.managerAddress}\n`,
      );
    });
}
