import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { runAgents } from './agents.js';
import { deploy, idle, restart, type Row } from './measures.js';
import { Stage } from './stage.js';

const usage = `Arguments: [--tasks N] [--nodes N] [--services N] [--rounds N] [--networks] [--profile FILE]`;

async function main(argv: string[]): Promise<void> {
  if (argv[0] === 'agents') return runAgents();
  const { values } = parseArgs({
    args: argv,
    options: {
      tasks: { type: 'string', default: '1000' },
      nodes: { type: 'string', default: '50' },
      services: { type: 'string', default: '100' },
      rounds: { type: 'string', default: '3' },
      networks: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  });
  const [tasks, nodes, services, rounds] = [values.tasks, values.nodes, values.services, values.rounds].map(Number);
  if (!tasks || !nodes || !services || !rounds || tasks % services !== 0) throw new Error(usage);
  const rows: Row[] = [];
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`bench: round ${round} of ${rounds}: connecting ${nodes} agents\n`);
    const stage = await Stage.open({ distDir: dirname(dirname(process.argv[1]!)), nodes, ports: { rpc: 27377, etcdClient: 27379, etcdPeer: 27380 }, profile: values.profile });
    process.once('SIGTERM', () => void stage.close().then(() => process.exit(1)));
    try {
      const row: Row = {};
      for (const measure of [() => deploy(stage, { tasks, services, networks: values.networks }), () => idle(stage), () => restart(stage, tasks)]) {
        const figures = await measure();
        process.stderr.write(`${Object.entries(figures).map(([name, value]) => `  ${name}: ${value.toFixed(1)}\n`).join('')}`);
        Object.assign(row, figures);
      }
      rows.push(row);
    } finally {
      await stage.close();
    }
  }
  process.stdout.write(`\n${tasks} tasks of ${services} services on ${nodes} agents${values.networks ? ', on an overlay network' : ''}; medians of ${rounds} rounds\n\n`);
  for (const key of Object.keys(rows[0]!)) process.stdout.write(`${key.padEnd(52)}${median(rows.map((row) => row[key]!)).toFixed(1).padStart(12)}\n`);
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

main(process.argv.slice(2)).then(
  () => process.argv[2] === 'agents' || process.exit(0),
  (error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
