import { Temporary } from '../../base/src/index.js';
import { runCommand } from './commands.js';

/**
 * Docker, ufw, firewalld and many administrators drop or reject what the host forwards, unless they know it. A drop in any table is
 * final, so what passes to and from the mesh must be let through in each of their chains.
 */

/** Text of a transaction that lets the link through; empty when nothing is in its way or it is let through already. */
export async function openingOfForwardFilter(link: string, ownTable: string): Promise<string> {
  const chains = await forwardChains(ownTable);
  return chains
    .filter(({ text }) => /policy drop|\bdrop\b|\breject\b|\bjump\b|\bgoto\b/.test(text))
    .flatMap(({ path, text }) => directions(link).filter((match) => !text.includes(`${match} `)).map((match) => `insert rule ${path} ${match} counter accept\n`))
    .join('');
}

/** Text of a transaction that takes the openings back. */
export async function closingOfForwardFilter(link: string, ownTable: string): Promise<string> {
  const chains = await forwardChains(ownTable);
  return chains
    .flatMap(({ path, text }) => {
      const openings = text.split('\n').filter((line) => directions(link).some((match) => line.includes(`${match} `)));
      return openings.map((line) => `delete rule ${path} handle ${/# handle (\d+)/.exec(line)?.[1]}\n`);
    })
    .join('');
}

function directions(link: string): string[] {
  return [`iifname "${link}"`, `oifname "${link}"`];
}

/** Other people's chains that see what is forwarded. */
async function forwardChains(ownTable: string): Promise<{ path: string; text: string }[]> {
  const listing = JSON.parse(await nft(['--json', 'list', 'chains'])) as { nftables: { chain?: { family: string; table: string; name: string; hook?: string; type?: string } }[] };
  const paths = listing.nftables.flatMap(({ chain }) => {
    const isTheirs = chain?.hook === 'forward' && chain.type === 'filter' && ['inet', 'ip', 'ip6'].includes(chain.family) && chain.table !== ownTable && chain.table !== `${ownTable}_user`;
    return isTheirs ? [`${chain.family} ${chain.table} ${chain.name}`] : [];
  });
  return Promise.all(paths.map(async (path) => ({ path, text: await nft(['--handle', '--numeric', 'list', 'chain', ...path.split(' ')]) })));
}

/** A chain that has gone meanwhile says nothing. */
async function nft(words: string[]): Promise<string> {
  const { status, output, errors } = await runCommand(['nft', ...words], '');
  if (status !== 0 && !errors.includes('No such file or directory')) throw new Temporary(`nft cannot ${words.join(' ')}: ${errors.trim()}`);
  return output;
}
