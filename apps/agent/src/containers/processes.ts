import { describeError } from '../../../../libs/base/src/index.js';
import type { ContainerOperation, ExecOperation } from '../../../../libs/model/src/index.js';
import { ExecRefused, type ExecSession, type ProcessStreams, type Runtime } from '../../../../libs/runtime/src/runtime.js';
import type { Channel } from './channel.js';

/** Runs one more process in a container, with the user at its other end. Its result is the exit code. */
export async function exec(operation: ExecOperation, id: string, channel: Channel, runtime: Runtime): Promise<{ exitCode: number }> {
  // One that nobody listens to outlives the stream, and so does its right to be waited for.
  const signal = operation.detach ? new AbortController().signal : channel.signal;
  const session = await startExec(operation, id, runtime, signal);
  if (session instanceof ExecRefused) return tellRefusal(session, channel);
  await channel.started({ pid: session.pid });
  if (operation.detach) for await (const _ of session.output) void _;
  else await talk(session, channel, { signal: (name) => session.signal(name), onBroken: () => hangUp(operation, session) });
  return session.exited;
}

/** Shows what the container's own process prints from now on, and hands it what the user types. */
export async function attach(operation: Extract<ContainerOperation, { kind: 'attach' }>, id: string, channel: Channel, runtime: Runtime): Promise<void> {
  const streams = await runtime.attach(id, { stdin: operation.stdin, signal: channel.signal });
  await channel.started({});
  await talk(streams, channel, { wants: (stream) => operation[stream], signal: (name) => runtime.signal(id, name), onBroken: () => Promise.resolve() });
}

interface Talk {
  wants?(stream: 'stdout' | 'stderr'): boolean;
  signal(name: string): Promise<void>;
  onBroken(): Promise<void>;
}

/** Both directions at once. Resolves when all output was sent. */
async function talk(streams: ProcessStreams, channel: Channel, { wants = () => true, signal, onBroken }: Talk): Promise<void> {
  let discards = false;
  const listening = listen(streams, channel, signal, () => (discards = true)).then(async () => {
    if (channel.end === 'broken') await onBroken();
  });
  // What cannot be handed over belongs into the stream of the user's terminal; the process decides when it ends.
  const failed = listening.catch((error: unknown) => (channel.signal.aborted ? undefined : channel.output('stderr', Buffer.from(`shoal: ${describeError(error)}\r\n`))));
  try {
    for await (const { stream, data, lostBytes } of streams.output) {
      if (discards) continue; // read all the same: a process that nobody reads from would stand still
      if (lostBytes) await channel.output('stderr', Buffer.from(`\r\nshoal: ${lostBytes} bytes of output were lost: they came faster than they are read here\r\n`));
      if (wants(stream)) await channel.output(stream, data);
    }
  } finally {
    streams.close();
    if (channel.signal.aborted) await failed;
  }
}

async function listen(streams: ProcessStreams, channel: Channel, signal: Talk['signal'], discard: () => void): Promise<void> {
  for await (const message of channel.input) {
    if (message.data) await streams.write(Buffer.from(message.data));
    else if (message.resize) await streams.resize(message.resize.rows ?? 0, message.resize.columns ?? 0);
    else if (message.signal) await signal(message.signal);
    else if (message.discard) discard();
    else if (message.end) await streams.closeInput();
  }
  // The user is gone without a word: as if the input had ended.
  if (channel.end === 'broken') await streams.closeInput().catch(() => undefined);
}

/** As when the window of a terminal is closed. */
async function hangUp(operation: ExecOperation, session: ExecSession): Promise<void> {
  if (operation.hangUp) await session.signal('SIGHUP');
}

async function startExec(operation: ExecOperation, id: string, runtime: Runtime, signal: AbortSignal): Promise<ExecSession | ExecRefused> {
  const { argv, env, user, workingDir, tty, stdin, privileged, size } = operation;
  try {
    return await runtime.startExec(
      id,
      { argv, env, ...(user && { user }), ...(workingDir && { workingDir }), terminal: tty, openStdin: stdin, privileged, ...(size && size) },
      signal,
    );
  } catch (error) {
    if (error instanceof ExecRefused) return error;
    throw error;
  }
}

/** As a shell does: the reason on stderr, and the status that says that it was never run. */
async function tellRefusal(refusal: ExecRefused, channel: Channel): Promise<{ exitCode: number }> {
  await channel.started({ pid: 0 });
  await channel.output('stderr', Buffer.from(`${refusal.message}\r\n`));
  return { exitCode: refusal.exitCode };
}
