import type { Clock } from '../../../libs/base/src/index.js';
import type { ApiClient } from './api-client/client.js';

/** Where text goes, and what is known about the reader. */
export interface Output {
  write(text: string): void;
  isTerminal: boolean;
  /** Width and height of the terminal; 80 by 24 when unknown. */
  columns: number;
  rows: number;
}

/** All that a command may touch of the world, so that tests can run commands in process. */
export interface Session {
  out: Output;
  err: Output;
  env: Record<string, string | undefined>;
  workingDir: string;
  clock: Clock;
  readStdin(): Promise<Buffer>;
  /** Aborted by Ctrl-C. */
  interrupt: AbortSignal;
  /** The manager that `--host` or `SHOAL_HOST` names. */
  api(): ApiClient;
}
