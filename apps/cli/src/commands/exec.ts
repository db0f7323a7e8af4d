import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { converse } from '../containers/console.js';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import { badUsage, EndedWith, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { repeated } from './flags.js';

interface ExecFlags {
  interactive?: boolean;
  tty?: boolean;
  detach?: boolean;
  env?: string[];
  envFile?: string[];
  user?: string;
  workdir?: string;
  privileged?: boolean;
  detachKeys?: string;
}

interface ExecState {
  Running: boolean;
  ExitCode: number | null;
}

export function define(command: Command, session: Session): void {
  command
    .argument('<container|task|service>', 'id or name: web.1, or web for any of its tasks')
    .argument('<command...>', 'program and its arguments')
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give it a terminal')
    .option('-d, --detach', 'start it and leave')
    .option('-e, --env <key=value>', 'a variable of its environment; may be repeated', repeated)
    .option('--env-file <file>', 'a file of such variables; may be repeated', repeated)
    .option('-u, --user <user>', 'as this user, NAME|UID[:GROUP|GID]')
    .option('-w, --workdir <path>', 'in this directory')
    .option('--privileged', 'with all capabilities')
    .option('--detach-keys <keys>', 'what to type to leave it running', 'ctrl-p,ctrl-q')
    .action((target: string, argv: string[], flags: ExecFlags) => exec(session, target, argv, flags));
}

async function exec(session: Session, target: string, argv: string[], flags: ExecFlags): Promise<void> {
  const api = session.api();
  const streams = session.streams();
  const { tty = false, interactive = false } = flags;
  if (tty && interactive && !flags.detach && !streams.stdin.isTTY) throw new Failure(exitStatus.failed, 'standard input is not a terminal: leave -t away');
  const size = tty && streams.stdout.rows && streams.stdout.columns ? { ConsoleSize: [streams.stdout.rows, streams.stdout.columns] } : {};
  const container = await findTarget(session, target);
  const { Id } = await api.post<{ Id: string }>(pathOf(container.Id, 'exec'), {
    Cmd: argv,
    AttachStdin: interactive && !flags.detach,
    AttachStdout: !flags.detach,
    AttachStderr: !flags.detach,
    Tty: tty,
    Env: [...(flags.envFile ?? []).flatMap((file) => readEnvFile(session, file)), ...(flags.env ?? [])],
    User: flags.user ?? '',
    WorkingDir: flags.workdir ?? '',
    Privileged: flags.privileged ?? false,
    DetachKeys: flags.detachKeys ?? '',
    ...size,
  });
  if (flags.detach) return api.post(`/exec/${Id}/start`, { Detach: true, Tty: tty });

  const ours = new AbortController().signal; // Ctrl-C is for the process there
  const connection = await api.hijack(`/exec/${Id}/start`, { Detach: false, Tty: tty, HangUp: tty && interactive, ...size }, { signal: ours });
  const pass = () => void api.post(`/exec/${Id}/kill`, undefined, { query: { signal: 'SIGINT' }, signal: ours }).catch(() => undefined);
  session.interrupt.addEventListener('abort', pass, { once: true });
  await converse(connection, { streams, tty, interactive, resize: (h, w) => api.post(`/exec/${Id}/resize`, undefined, { query: { h, w }, signal: ours }) });
  session.interrupt.removeEventListener('abort', pass);
  const { Running, ExitCode } = await api.get<ExecState>(`/exec/${Id}/json`, { signal: ours }).catch((error: unknown) => {
    throw new Failure(exitStatus.unreachable, `the connection to the manager broke; what was started may go on in the container (${(error as Error).message})`);
  });
  if (!Running && ExitCode) throw new EndedWith(ExitCode);
}

function readEnvFile(session: Session, file: string): string[] {
  let text: string;
  try {
    text = readFileSync(resolve(session.workingDir, file), 'utf8');
  } catch (error) {
    throw badUsage(`--env-file: ${(error as Error).message}`);
  }
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
}
