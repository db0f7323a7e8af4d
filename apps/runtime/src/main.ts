import { describeError } from '../../../libs/base/src/index.js';
import { BadUsage } from './arguments.js';
import { runProgram } from './program.js';

runProgram(process.argv.slice(2)).then(
  // The launched process has our standard streams: nothing of ours is left to flush.
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`${error instanceof BadUsage ? `Incorrect Usage: ${error.message}` : describeError(error)}\n`);
    process.exit(1);
  },
);
