import type { Command } from 'commander';
import { initCluster } from '../cluster/init.js';
import { startServices } from '../cluster/services.js';
import type { Session } from '../session.js';
import { repeated } from './flags.js';

interface Flags {
  stateDir: string;
  advertiseAddr?: string;
  dataPathAddr?: string;
  port: string;
  defaultAddrPool?: string[];
  defaultAddrPoolMaskLength: string;
  dataPathPort: string;
  start: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .option('--advertise-addr <address>', 'address that other nodes reach this host at')
    .option('--data-path-addr <address>', 'address for traffic between containers (default: the advertised one)')
    .option('--port <number>', 'port that nodes dial', '2377')
    .option('--default-addr-pool <cidr>', 'networks get their subnets out of it (default: one that this host has no route into); may be repeated', repeated)
    .option('--default-addr-pool-mask-length <bits>', 'length of the IPv4 subnets', '20')
    .option('--data-path-port <number>', 'UDP port for traffic between containers', '4789')
    .option('--state-dir <folder>', 'where the state is kept', '/var/lib/shoal')
    .option('--no-start', 'only write the state; start nothing')
    .action(async (flags: Flags) => {
      const result = await initCluster({
        stateDir: flags.stateDir,
        advertiseAddress: flags.advertiseAddr,
        dataPathAddress: flags.dataPathAddr,
        port: Number(flags.port),
        addressPools: flags.defaultAddrPool ?? [],
        subnetBits: Number(flags.defaultAddrPoolMaskLength),
        dataPathPort: Number(flags.dataPathPort),
      });
      session.out.write(`Cluster initialized: current node (${result.nodeId}) is now a manager.\nNetworks get their subnets out of ${result.addressPools.join(' and ')}.\n\n`);
      session.out.write(await startServices(['manager', 'agent'], flags));
      session.out.write(
        `To add a worker to this cluster, run the following command on it:\n\n    shoal join --token ${result.workerToken} ${result.managerAddress}\n`,
      );
    });
}
