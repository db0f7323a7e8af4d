import type { Command } from 'commander';
import type { Info } from '../api-client/types.js';
import { humanSize } from '../output/size.js';
import { compileTemplate } from '../output/template.js';
import type { Session } from '../session.js';

export function define(command: Command, session: Session): void {
  command
    .option('-f, --format <template>', 'a Go template, or json')
    .action((flags: { format?: string }) => showInfo(session, flags));
}

async function showInfo(session: Session, { format }: { format?: string }): Promise<void> {
  const api = session.api();
  const info = await api.get<Info>('/info');
  if (format === 'json') session.out.write(`${JSON.stringify(info)}\n`);
  else if (format) session.out.write(`${compileTemplate(format, { strict: false }).render(info)}\n`);
  else session.out.write(infoText(info, api.hostText));
  for (const warning of info.Warnings ?? []) session.err.write(`${warning}\n`);
}

function infoText(info: Info, host: string): string {
  const swarm = info.Swarm ?? {};
  const lines = [`Host: ${host}`, `Name: ${info.Name ?? ''}`, `Version: ${info.ServerVersion ?? ''}`, `Cluster: ${swarm.LocalNodeState ?? 'inactive'}`];
  if (swarm.Error) lines.push(` Error: ${swarm.Error}`);
  if (swarm.NodeID) {
    lines.push(` ID: ${swarm.Cluster?.ID ?? ''}`, ` Node ID: ${swarm.NodeID}`, ` Node Address: ${swarm.NodeAddr ?? ''}`);
    lines.push(` Is Manager: ${swarm.ControlAvailable ?? false}`, ` Managers: ${swarm.Managers ?? 0}`, ` Nodes: ${swarm.Nodes ?? 0}`);
    const { DefaultAddrPool: pools, SubnetSize, DataPathPort } = swarm.Cluster ?? {};
    if (pools?.length) lines.push(` Default Address Pool: ${pools.join('  ')}`, ` Subnet Size: ${SubnetSize ?? ''}`, ` Data Path Port: ${DataPathPort ?? ''}`);
    for (const { Addr } of swarm.RemoteManagers ?? []) lines.push(` Manager Address: ${Addr}`);
  }
  lines.push(`Kernel Version: ${info.KernelVersion ?? ''}`, `Operating System: ${info.OperatingSystem ?? ''}`);
  lines.push(`Architecture: ${info.Architecture ?? ''}`, `CPUs: ${info.NCPU ?? 0}`, `Total Memory: ${humanSize(info.MemTotal ?? 0, '')}`);
  return `${lines.join('\n')}\n`;
}
