import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareStarts } from './compare-starts.js';
import { compareStacks } from './compare-stacks.js';
import { driveNode, type NodeAloneOptions } from './node-alone.js';
import { compareShim } from './compare-shim.js';

async function main(argv: string[]): Promise<void> {
  const { values } = parseArgs({ args: argv, options: { 'drive-node': { type: 'string' }, only: { type: 'string' }, rounds: { type: 'string', default: '10' }, replicas: { type: 'string', default: '300,1000' }, idle: { type: 'string', default: '30' } } });
  if (values['drive-node'] !== undefined) {
    process.stdout.write(JSON.stringify(await driveNode(JSON.parse(values['drive-node']) as NodeAloneOptions)));
    return;
  }
  const distDir = dirname(dirname(process.argv[1]!));
  mkdirSync('/var/lib/shoal-bench', { recursive: true });
  const directory = mkdtempSync('/var/lib/shoal-bench/run-');
  const parts: Record<string, () => Promise<void>> = {
    starts: () => compareStarts(distDir, directory, Number(values.rounds)),
    stack: () => compareStacks(distDir, directory, values.replicas.split(',').map(Number), Number(values.idle) * 1000),
    shim: () => compareShim(join(distDir, 'shim/shoal-shim'), directory, Number(values.rounds)),
  };
  try {
    for (const [name, part] of Object.entries(parts)) if (!values.only || values.only.split(',').includes(name)) await part();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench:runtime: ${error instanceof Error ? `${error.stack}\n${String(error.cause ?? '')}` : String(error)}\n`);
  process.exit(1);
});
