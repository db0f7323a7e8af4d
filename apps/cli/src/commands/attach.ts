import type { Command } from 'commander';
import { converse } from '../containers/console.js';
import { pathOf, type ContainerDetails } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import { EndedWith, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';

interface AttachFlags {
  /** Each is false with its --no- form. */
  stdin: boolean;
  sigProxy: boolean;
  detachKeys?: string;
}

export function define(command: Command, session: Session): void {
  command
    .argument('<container|task|service>', 'id or name: web.1, or web for any of its tasks')
    .option('--no-stdin', 'only look')
    .option('--no-sig-proxy', 'Ctrl-C leaves, and is not passed on to the process')
    .option('--detach-keys <keys>', 'what to type to leave, where there is a terminal', 'ctrl-p,ctrl-q')
    .action((target: string, flags: AttachFlags) => attach(session, target, flags));
}

async function attach(session: Session, target: string, flags: AttachFlags): Promise<void> {
  const api = session.api();
  const streams = session.streams();
  const { Id } = await findTarget(session, target);
  const { Config, State } = await api.get<ContainerDetails>(pathOf(Id, 'json'));
  if (!State.Running) throw new Failure(exitStatus.failed, `${target} does not run: there is nothing to attach to ("shoal logs ${target}" shows what it said)`);
  if (State.Paused) throw new Failure(exitStatus.failed, `${target} is paused: "shoal unpause ${target}" first`);
  const interactive = flags.stdin && Config.OpenStdin;
  if (interactive && Config.Tty && !streams.stdin.isTTY) throw new Failure(exitStatus.failed, 'standard input is not a terminal, and the container has one: use --no-stdin');
  const ours = flags.sigProxy ? new AbortController().signal : session.interrupt;
  const ended = api.post<{ StatusCode: number }>(pathOf(Id, 'wait'), undefined, { deadlineMs: Infinity, signal: ours });
  ended.catch(() => undefined); // told below, when it matters
  const connection = await api.hijack(pathOf(Id, 'attach'), undefined, {
    query: { stream: 1, stdin: interactive ? 1 : 0, stdout: 1, stderr: 1, detachKeys: flags.detachKeys },
    signal: ours,
  });
  const pass = () => void api.post(pathOf(Id, 'kill'), undefined, { query: { signal: 'SIGINT' }, signal: ours }).catch(() => undefined);
  if (flags.sigProxy) session.interrupt.addEventListener('abort', pass, { once: true });
  await converse(connection, { streams, tty: Config.Tty, interactive, resize: (h, w) => api.post(pathOf(Id, 'resize'), undefined, { query: { h, w }, signal: ours }) });
  session.interrupt.removeEventListener('abort', pass);
  session.interrupt.throwIfAborted();
  // Only a terminal has keys to leave by.
  if (Config.Tty && (await api.get<ContainerDetails>(pathOf(Id, 'json'), { signal: ours })).State.Running) return;
  const { StatusCode } = await ended;
  if (StatusCode !== 0) throw new EndedWith(StatusCode);
}
