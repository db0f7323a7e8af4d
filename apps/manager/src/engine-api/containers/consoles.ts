import { Inject, Injectable } from '@nestjs/common';
import { describeError } from '../../../../../libs/base/src/index.js';
import type { ContainerOperation, ExecOperation } from '../../../../../libs/model/src/index.js';
import type { ContainerStream, ContainerStreams } from '../../http/container-streams.js';
import { CONTAINER_STREAMS } from '../../http/tokens.js';
import { streamFrame } from '../log-frames.js';
import type { ClientStream } from './client-stream.js';
import type { ClusterContainer } from './cluster-container.js';
import { DetachKeys, parseDetachKeys } from './detach-keys.js';
import { Execs, type Exec } from './execs.js';

type AttachOperation = Extract<ContainerOperation, { kind: 'attach' }>;

/** Of an exec that was never begun, as a shell would say it: found, and cannot be run. */
const cannotRun = 126;

/** Brings users and processes of containers together: exec and attach. Errors go into the stream: the answer has begun. */
@Injectable()
export class Consoles {
  constructor(
    @Inject(CONTAINER_STREAMS) private readonly streams: ContainerStreams,
    @Inject(Execs) private readonly execs: Execs,
  ) {}

  /** Runs an exec that has begun, to its end, which may come long after its user has left. Never throws. */
  async run(exec: Exec, start: Pick<ExecOperation, 'detach' | 'hangUp' | 'size'>, client: ClientStream | undefined): Promise<void> {
    const operation = { ...exec.operation, ...start };
    let exitCode = cannotRun;
    try {
      const stream = await this.streams.open(exec.place, operation, client?.signal ?? new AbortController().signal);
      try {
        exec.pid = (stream.started as { pid: number }).pid;
        exec.stream = stream;
        const console = client && new Console(stream, client, { tty: operation.tty, wants: exec.attach, detachKeys: exec.detachKeys });
        if (console && operation.hangUp) hangUpWhenGone(stream, console);
        await (console ? console.converse() : drain(stream));
        exitCode = (stream.result as { exitCode: number }).exitCode;
      } finally {
        stream.close();
      }
    } catch (error) {
      await client?.write(message(error, operation.tty));
    } finally {
      // Before the stream ends: the client asks for the exit code when it has.
      this.execs.end(exec, exitCode);
      client?.end();
    }
  }

  /** Attaches to a container's own process until that ends, or the user leaves. Never throws. */
  async attach(container: ClusterContainer, operation: AttachOperation, detachKeys: string, client: ClientStream): Promise<void> {
    const tty = container.template?.container.tty ?? false;
    try {
      const stream = await this.streams.open(container.place, operation, client.signal);
      const leave = () => stream.close();
      client.signal.addEventListener('abort', leave, { once: true });
      try {
        const console = new Console(stream, client, { tty, wants: operation, detachKeys });
        console.detached.addEventListener('abort', leave, { once: true });
        await console.converse();
      } finally {
        client.signal.removeEventListener('abort', leave);
        stream.close();
      }
    } catch (error) {
      if (!client.signal.aborted) await client.write(message(error, tty));
    } finally {
      client.end();
    }
  }
}

/** As when the window of a terminal is closed; not when its user typed the keys to leave. */
function hangUpWhenGone(stream: ContainerStream, console: Console): void {
  const hangUp = () => {
    if (!console.detached.aborted) stream.signal('SIGHUP');
  };
  console.inputEnded.addEventListener('abort', hangUp, { once: true });
  console.gone.addEventListener('abort', hangUp, { once: true });
}

interface ConsoleOptions {
  tty: boolean;
  wants: { stdout: boolean; stderr: boolean; stdin: boolean };
  detachKeys: string;
}

/** One user and one process. */
class Console {
  readonly #detached = new AbortController();
  readonly #inputEnded = new AbortController();

  constructor(
    private readonly stream: ContainerStream,
    private readonly client: ClientStream,
    private readonly options: ConsoleOptions,
  ) {}

  /** Aborted when the user typed the keys for it. */
  get detached(): AbortSignal {
    return this.#detached.signal;
  }

  get inputEnded(): AbortSignal {
    return this.#inputEnded.signal;
  }

  get gone(): AbortSignal {
    return this.client.signal;
  }

  /** Resolves when all output has come; a user who has left gets none of it. */
  async converse(): Promise<void> {
    const { stream, client } = this;
    const { tty, wants } = this.options;
    const discard = () => stream.discard();
    for (const left of [client.signal, this.detached]) left.addEventListener('abort', discard, { once: true });
    if (client.signal.aborted) discard();
    const typing = this.#type().catch((error: unknown) => client.write(message(error, tty)));
    for await (const { stream: name, data } of stream.output) {
      if (!wants[name] && !(tty && wants.stdout)) continue;
      if (client.signal.aborted || this.detached.aborted) continue;
      await client.write(tty ? data : streamFrame(name === 'stderr' ? 2 : 1, data));
    }
    if (client.signal.aborted) await typing;
  }

  async #type(): Promise<void> {
    const { stream, client } = this;
    const { tty, wants, detachKeys } = this.options;
    const keys = tty ? new DetachKeys(parseDetachKeys(detachKeys)) : undefined;
    for await (const typed of client.input) {
      const { input, detached } = keys?.filter(typed) ?? { input: typed, detached: false };
      if (wants.stdin && input.length > 0) await stream.write(input);
      if (!detached) continue;
      this.#detached.abort();
      return client.end();
    }
    if (wants.stdin) stream.endInput();
    this.#inputEnded.abort();
  }
}

async function drain(stream: ContainerStream): Promise<void> {
  for await (const _ of stream.output) void _;
}

function message(error: unknown, tty: boolean): Uint8Array {
  const text = Buffer.from(`shoal: ${describeError(error)}\r\n`);
  return tty ? text : streamFrame(2, text);
}
