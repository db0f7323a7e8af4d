import type { Clock } from '../../../libs/base/src/index.js';
import type { Readable, Writable } from 'node:stream';
import type { ApiClient } from './api-client/client.js';

/** Where text goes, and what is known about the reader. */
export interface Output {
  write(text: string): void;
  isTerminal: boolean;
  /** Width and height of the terminal; 80 by 24 when unknown. */
  columns: number;
  rows: number;
}

/** The three streams as they are: for commands that are a pipe or a terminal to something elsewhere. */
export interface StandardStreams {
  stdin: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: Writable;
}

/** All that a command may touch of the world, so that tests can run commands in process. */
export interface Session {
  out: Output;
  err: Output;
  env: Record<string, string | undefined>;
  workingDir: string;
  clock: Clock;
  readStdin(): Promise<Buffer>;
  streams(): StandardStreams;
  /** Aborted by Ctrl-C. */
  interrupt: AbortSignal;
  /** The manager that `--host` or `SHOAL_HOST` names. */
  api(): ApiClient;
}
