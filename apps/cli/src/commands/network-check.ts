import type { Command } from 'commander';
import { exitStatus, Failure } from '../exit-status.js';
import { alignTabs } from '../output/table.js';
import type { Session } from '../session.js';

interface NetworkCheck {
  nodes: { name: string; mtu?: number; drift: Record<string, number>; error?: string }[];
  pairs: { from: string; to: string; family: 4 | 6; reachable: boolean; fullSize: boolean; loss: number; latencyMs: number }[];
  problems: string[];
}

export function define(command: Command, session: Session): void {
  command.option('--json', 'print everything as JSON').action((flags: { json?: boolean }) => check(session, flags));
}

/** Every node tries the way to every other. Status 1 when something is wrong. */
async function check(session: Session, { json }: { json?: boolean }): Promise<void> {
  const found = await session.api().get<NetworkCheck>('/shoal/v1/network-check');
  for (const line of json ? [JSON.stringify(found, null, 2)] : lines(found)) session.out.write(`${line}\n`);
  if (found.problems.length > 0) throw new Failure(exitStatus.failed, json ? '' : found.problems.join('\n'));
}

function lines({ nodes, pairs }: NetworkCheck): string[] {
  const words = pairs.map(({ from, to, family, reachable, fullSize, loss, latencyMs }) =>
    [from, to, `IPv${family}`, reachable ? 'yes' : 'no', fullSize ? 'yes' : 'no', reachable ? `${latencyMs.toFixed(1)} ms` : '-', `${Math.round(loss * 100)} %`].join('\t'),
  );
  return [
    ...alignTabs([['FROM', 'TO', 'FAMILY', 'REACHED', 'FULL SIZE', 'LATENCY', 'LOSS'].join('\t'), ...words]),
    '',
    ...alignTabs([['NODE', 'MTU', 'REPAIRED'].join('\t'), ...nodes.map(({ name, mtu, drift, error }) => [name, mtu ?? '-', error ? 'unknown' : driftText(drift)].join('\t'))]),
  ];
}

function driftText(drift: Record<string, number>): string {
  const counted = Object.entries(drift).filter(([, count]) => count > 0);
  return counted.length === 0 ? 'nothing' : counted.map(([kind, count]) => `${count} ${kind}`).join(', ');
}
