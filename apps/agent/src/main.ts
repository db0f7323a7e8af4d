import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeError, isRefused, jsonLog, systemClock } from '../../../libs/base/src/index.js';
import { runAgent } from './agent.js';
import { agentUsage, parseAgentConfig } from './config.js';

/** `shoal agent`: until SIGTERM or SIGINT. Exit status 0 when asked to end, 1 when it cannot go on. */
async function main(argv: string[]): Promise<void> {
  if (argv.includes('--help')) {
    process.stdout.write(agentUsage);
    return;
  }
  const log = jsonLog({ clock: systemClock, write: (line) => process.stderr.write(line) });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(`the agent got ${name}`)));
  await runAgent(parseAgentConfig(argv, dirname(realpathSync(process.argv[1]!))), log, stop.signal);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`shoal agent: ${isRefused(error) ? error.message : error instanceof Error ? error.stack : describeError(error)}\n`);
    process.exit(1);
  },
);
