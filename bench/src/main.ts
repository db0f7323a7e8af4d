import { dirname, join } from 'node:path';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { startDocker } from './docker-peer.js';
import { measure, type Figures } from './measure.js';
import type { Peer } from './peer.js';
import { startShoal } from './shoal-peer.js';

/** dnsrr: Docker's virtual addresses need IPVS, which not every kernel has. */
const stack = (replicas: number) => `
version: '3.8'
services:
  web:
    image: shoal/whoami:1
    deploy: { replicas: ${replicas}, endpoint_mode: dnsrr }
    networks: [net]
networks: { net: }
`;

const rows: [keyof Figures, string][] = [
  ['deployMs', 'stack deploy to all running, ms'],
  ['scaleMs', 'scale to twice as many, ms'],
  ['removeMs', 'stack rm to nothing left, ms'],
  ['pssMiB', 'memory of daemons and monitors (PSS), MiB'],
];

async function main(argv: string[]): Promise<void> {
  const { values } = parseArgs({ args: argv, options: { rounds: { type: 'string', default: '3' }, replicas: { type: 'string', default: '50' } } });
  const rounds = Number(values.rounds);
  const replicas = Number(values.replicas);
  const distDir = dirname(dirname(process.argv[1]!));
  const imageArchive = join(distDir, 'images/whoami-1.tar');
  const dir = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const stackFile = join(dir, 'stack.yml');
  writeFileSync(stackFile, stack(replicas));

  const peers: Peer[] = [];
  const figures = new Map<Peer, Figures[]>();
  try {
    process.stderr.write('bench: starting Docker and Shoal\n');
    peers.push(await startDocker(imageArchive));
    peers.push(await startShoal(distDir, imageArchive));
    for (let round = 1; round <= rounds; round++) {
      for (const peer of peers) {
        process.stderr.write(`bench: round ${round} of ${rounds}: ${peer.name}\n`);
        figures.set(peer, [...(figures.get(peer) ?? []), await measure(peer, stackFile, replicas)]);
      }
    }
    print(peers, figures, rounds, replicas);
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(dir, { recursive: true });
  }
}

function print([docker, shoal]: Peer[], figures: Map<Peer, Figures[]>, rounds: number, replicas: number): void {
  const of = (peer: Peer, key: keyof Figures) => median(figures.get(peer)!.map((figure) => figure[key]));
  process.stdout.write(`\n${replicas} replicas on an overlay network, one node, medians of ${rounds} rounds side by side\n\n`);
  process.stdout.write(`${''.padEnd(44)}${docker!.name.padStart(14)}${shoal!.name.padStart(10)}${'ratio'.padStart(8)}\n`);
  for (const [key, label] of rows) {
    const [theirs, ours] = [of(docker!, key), of(shoal!, key)];
    process.stdout.write(`${label.padEnd(44)}${theirs.toFixed(0).padStart(14)}${ours.toFixed(0).padStart(10)}${(theirs / ours).toFixed(1).padStart(8)}\n`);
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
