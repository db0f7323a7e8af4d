import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster } from './cluster.js';

const usage = `Usage: npm run cluster -- up|down|status [options]

Runs a whole Shoal cluster on this machine: every host a network namespace with an address of its own.

  --name NAME     which cluster (default quick)
  --nodes N       number of hosts; the first one is the manager's (default 3)
  --prefix A.B.C  the /24 that the hosts live in (default 172.30.77)
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      name: { type: 'string', default: 'quick' },
      nodes: { type: 'string', default: '3' },
      prefix: { type: 'string', default: '172.30.77' },
      help: { type: 'boolean', default: false },
    },
  });
  const distDir = dirname(dirname(process.argv[1]!));
  switch (values.help ? 'help' : positionals[0]) {
    case 'up':
      return up(values.name, values.prefix, Number(values.nodes), distDir);
    case 'down':
      return down(values.name);
    case 'status':
      return status(values.name);
    default:
      process.stdout.write(usage);
      return values.help ? 0 : 64;
  }
}

async function up(name: string, prefix: string, nodes: number, distDir: string): Promise<number> {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 200) {
    process.stderr.write(`--nodes: expected a number from 1 to 200\n`);
    return 64;
  }
  const existing = Cluster.find(name);
  if (existing?.hosts.every((host) => host.isRunning('agent')) && existing.manager.isRunning('manager')) {
    process.stdout.write(`cluster ${name} is up already\n`);
    return 0;
  }
  const imagesDir = join(distDir, 'images');
  const imageArchives = readdirSync(imagesDir).filter((file) => file.endsWith('.tar')).map((file) => join(imagesDir, file));
  const startedMs = performance.now();
  const cluster = await Cluster.up({
    name,
    prefix,
    nodes,
    distDir,
    imageArchives,
    onStep: (what) => process.stdout.write(`cluster: ${what}\n`),
  });
  process.stdout.write(`cluster: up with ${cluster.hosts.length} nodes in ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`);
  return 0;
}

async function down(name: string): Promise<number> {
  const cluster = Cluster.find(name);
  if (!cluster) {
    process.stdout.write(`there is no cluster ${name}\n`);
    return 0;
  }
  await cluster.down();
  process.stdout.write(`cluster ${name} is down\n`);
  return 0;
}

function status(name: string): number {
  const cluster = Cluster.find(name);
  if (!cluster) {
    process.stdout.write(`there is no cluster ${name}\n`);
    return 1;
  }
  for (const host of cluster.hosts) {
    const programs = (['manager', 'agent'] as const).filter((program) => host.record.programs[program]);
    const states = programs.map((program) => `${program} ${host.isRunning(program) ? `running (pid ${host.pid(program)})` : 'not running'}`);
    process.stdout.write(`${host.name.padEnd(10)} ${host.address.padEnd(16)} ${states.join(', ')}\n`);
  }
  process.stdout.write(`socket     ${cluster.manager.socketPath}\n`);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? `${error.message}${error.cause instanceof Error ? `\n${error.cause.message}` : ''}` : String(error)}\n`);
    process.exit(1);
  },
);
