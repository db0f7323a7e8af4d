import { Temporary } from '../../base/src/index.js';
import { runCommand } from './commands.js';

/**
 * Docker, ufw and many administrators set the policy of the host's FORWARD chain (iptables, in its nftables form) to drop.
 * A drop in any table is final, so what passes to and from the mesh must be let through in that very chain.
 */

const chain = 'ip filter FORWARD';

/** Text of a transaction that lets the link through; empty when nothing is in its way or it is let through already. */
export async function openingOfForwardFilter(link: string): Promise<string> {
  const listing = await listForwardChain();
  const mayDrop = /policy drop|\bdrop\b|\breject\b|\bjump\b/.test(listing);
  if (!mayDrop) return '';
  return directions(link)
    .filter((match) => !listing.includes(`${match} `))
    .map((match) => `insert rule ${chain} ${match} counter accept\n`)
    .join('');
}

/** Text of a transaction that takes the opening back. */
export async function closingOfForwardFilter(link: string): Promise<string> {
  const lines = (await listForwardChain()).split('\n');
  return lines
    .filter((line) => directions(link).some((match) => line.includes(`${match} `)))
    .map((line) => `delete rule ${chain} handle ${/# handle (\d+)/.exec(line)?.[1]}\n`)
    .join('');
}

function directions(link: string): string[] {
  return [`iifname "${link}"`, `oifname "${link}"`];
}

async function listForwardChain(): Promise<string> {
  const { status, output, errors } = await runCommand(['nft', '--handle', '--numeric', 'list', 'chain', ...chain.split(' ')], '');
  const isThere = status === 0;
  if (!isThere && !errors.includes('No such file or directory')) throw new Temporary(`nft cannot list ${chain}: ${errors.trim()}`);
  return isThere ? output : '';
}
