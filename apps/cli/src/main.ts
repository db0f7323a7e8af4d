import { systemClock } from '../../../libs/base/src/index.js';
import { ApiClient } from './api-client/client.js';
import { defaultHost, parseHost } from './api-client/host.js';
import { Interrupted } from './failure-report.js';
import { becomeHostProgram, isHostProgram } from './host-programs.js';
import { runProgram } from './program.js';
import type { Output, Session } from './session.js';

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
  };
}

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The reader went away (`shoal service ls | head`): there is nobody left to tell. */
function endOnBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** The first Ctrl-C lets the command say what goes on without it; the second kills. */
function interruptSignal(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => abort.abort(new Interrupted()));
  }
  return abort.signal;
}

async function main(): Promise<void> {
  endOnBrokenPipe(process.stdout);
  endOnBrokenPipe(process.stderr);
  let host = process.env['SHOAL_HOST'] || defaultHost;
  let client: ApiClient | undefined;
  const interrupt = interruptSignal();
  const session: Session = {
    out: outputOf(process.stdout),
    err: outputOf(process.stderr),
    env: { ...process.env },
    workingDir: process.cwd(),
    clock: systemClock,
    readStdin,
    streams: () => process,
    interrupt,
    api: () => (client ??= new ApiClient(parseHost(host, process.env), interrupt)),
  };
  process.exitCode = await runProgram(process.argv.slice(2), session, (given) => (host = given));
  client?.close();
}

const [first, ...rest] = process.argv.slice(2);
// Before any signal is caught or stream touched: all of the process is the program's.
if (isHostProgram(first)) becomeHostProgram(first, rest);
else void main();
