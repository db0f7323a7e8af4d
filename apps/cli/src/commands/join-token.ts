import type { Command } from 'commander';
import { Refused } from '../../../../libs/base/src/index.js';
import type { Session } from '../session.js';

interface Swarm {
  JoinTokens: { Worker: string; Manager: string };
}

interface NodeDetails {
  ManagerStatus?: { Addr?: string };
}

export function define(command: Command, session: Session): void {
  command
    .argument('<role>', 'worker or manager')
    .option('-q, --quiet', 'only the token')
    .action(async (role: string, flags: { quiet?: boolean }) => {
      if (role !== 'worker' && role !== 'manager') throw new Refused('invalid', `unknown role ${role}: expected worker or manager`);
      const api = session.api();
      const { JoinTokens } = await api.get<Swarm>('/swarm');
      const token = role === 'worker' ? JoinTokens.Worker : JoinTokens.Manager;
      if (flags.quiet) {
        session.out.write(`${token}\n`);
        return;
      }
      const info = await api.get<{ Swarm: { NodeID: string } }>('/info');
      const node = await api.get<NodeDetails>(`/nodes/${info.Swarm.NodeID}`);
      session.out.write(`To add a ${role} to this cluster, run the following command on it:\n\n    shoal join --token ${token} ${node.ManagerStatus?.Addr ?? 'MANAGER:2377'}\n`);
    });
}
