import { PassThrough, Readable, Writable } from 'node:stream';
import type { Clock } from '../../../libs/base/src/index.js';
import { systemClock } from '../../../libs/base/src/index.js';
import { ApiClient } from '../src/api-client/client.js';
import { parseHost } from '../src/api-client/host.js';
import { runProgram } from '../src/program.js';

export interface RunOptions {
  host?: string;
  env?: Record<string, string>;
  workingDir?: string;
  wallMs?: number;
  stdin?: string;
  /** Standard input that does not end by itself. */
  openStdin?: PassThrough;
  interrupt?: AbortSignal;
  terminal?: boolean;
}

export interface RunResult {
  status: number;
  out: string;
  err: string;
}

/** Runs one command line of `shoal` in this process. */
export async function shoal(args: string[], options: RunOptions = {}): Promise<RunResult> {
  const result = { status: -1, out: '', err: '' };
  let host = options.host ?? 'unix:///nonexistent/shoal.sock';
  let client: ApiClient | undefined;
  const { wallMs = systemClock.wallMs(), terminal = false } = options;
  const shape = { isTerminal: terminal, columns: 100, rows: 30 };
  const interrupt = options.interrupt ?? new AbortController().signal;
  const collect = (key: 'out' | 'err') => new Writable({ write: (chunk: Buffer, _encoding, done) => ((result[key] += chunk.toString()), done()) });
  const streams = { stdin: options.openStdin ?? Readable.from([Buffer.from(options.stdin ?? '')]), stdout: collect('out'), stderr: collect('err') };
  result.status = await runProgram(
    args,
    {
      out: { write: (text) => (result.out += text), ...shape },
      err: { write: (text) => (result.err += text), ...shape },
      env: { ...options.env },
      workingDir: options.workingDir ?? '/',
      clock: virtualClock(wallMs),
      streams: () => streams,
      readStdin: async () => Buffer.from(options.stdin ?? ''),
      interrupt,
      api: () => (client ??= new ApiClient(parseHost(host, {}), interrupt)),
    },
    (given) => (host = given),
  );
  client?.close();
  return result;
}

/** Time that passes only while somebody sleeps, and then at once. */
function virtualClock(startMs: number): Clock {
  let passedMs = 0;
  return {
    wallMs: () => startMs + passedMs,
    monotonicMs: () => passedMs,
    async sleep(ms, signal) {
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      passedMs += ms;
    },
    after: systemClock.after,
  };
}
