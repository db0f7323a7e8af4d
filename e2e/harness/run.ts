import { execFile, spawn, type SpawnOptions } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const defaultDeadlineMs = 30_000;

/** The environment of everything the harness starts: Node parses extra CA files for 30 ms at every start. */
export function plainEnv(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _unused, ...env } = process.env;
  return { ...env, ...extra };
}

export interface RunResult {
  stdout: string;
  stderr: string;
  status: number;
}

/** Runs a program to its end, whatever its exit status; fails only when it cannot be started or outlives the deadline. */
export async function run(argv: string[], options: { env?: Record<string, string>; cwd?: string; deadlineMs?: number; input?: string } = {}): Promise<RunResult> {
  const [file, ...args] = argv as [string, ...string[]];
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  const promise = execFileAsync(file, args, {
    env: plainEnv(options.env),
    cwd: options.cwd,
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (options.input !== undefined) promise.child.stdin?.end(options.input);
  try {
    return { ...(await promise), status: 0 };
  } catch (error) {
    const failure = error as { stdout: string; stderr: string; code: number | string | null; killed: boolean };
    if (failure.killed) throw new Error(`${argv.join(' ')}: no end within ${deadlineMs} ms\n${failure.stdout}${failure.stderr}`, { cause: error });
    if (typeof failure.code !== 'number') throw error;
    return { stdout: failure.stdout, stderr: failure.stderr, status: failure.code };
  }
}

/** The same for what must succeed. Returns its output. */
export async function must(argv: string[], options: Parameters<typeof run>[1] = {}): Promise<string> {
  const { stdout, stderr, status } = await run(argv, options);
  if (status !== 0) throw new Error(`${argv.join(' ')}: exit ${status}\n${stderr || stdout}`);
  return stdout;
}

/** Starts a program that outlives us, in its own session, its output appended to a file. Returns its pid. */
export function startDetached(argv: string[], logPath: string, options: SpawnOptions = {}): number {
  const [file, ...args] = argv as [string, ...string[]];
  const log = openSync(logPath, 'a');
  try {
    const child = spawn(file, args, { env: plainEnv(), ...options, detached: true, stdio: ['ignore', log, log] });
    child.unref();
    if (child.pid === undefined) throw new Error(`${file} cannot be started`);
    return child.pid;
  } finally {
    closeSync(log);
  }
}
