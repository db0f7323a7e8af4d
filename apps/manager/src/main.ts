import { describeError, isRefused, jsonLog, systemClock } from '../../../libs/base/src/index.js';
import { managerUsage, parseManagerConfig } from './config/config.js';
import { runManager } from './manager.js';

/** `shoal manager`: until SIGTERM or SIGINT. Exit status 0 when asked to end, 1 when it cannot go on. */
async function main(argv: string[]): Promise<void> {
  if (argv.includes('--help')) {
    process.stdout.write(managerUsage);
    return;
  }
  const log = jsonLog({ clock: systemClock, write: (line) => process.stderr.write(line) });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(`the manager got ${name}`)));
  await runManager(parseManagerConfig(argv), log, stop.signal);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`shoal manager: ${isRefused(error) ? error.message : error instanceof Error ? error.stack : describeError(error)}\n`);
    process.exit(1);
  },
);
