import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { openStream } from '../stream-reply.js';

/** The user's end of a console. */
export interface ClientStream {
  /** Aborted when the user is gone. */
  readonly signal: AbortSignal;
  /** What the user types, until the end of the input. To be iterated once. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves when the client can take more. */
  write(data: Uint8Array): Promise<void>;
  end(): void;
}

/** An answer that is only read: clients that ask for no upgrade. */
export function replyStream(reply: FastifyReply, contentType: string): ClientStream {
  const { signal, write, end } = openStream(reply, contentType);
  return { signal, input: nothing(), write: (data) => write(Buffer.from(data)), end };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A connection that is the client's and ours alone, after HTTP has ended on it. Input may end long before output does. */
export class HijackedConnection implements ClientStream {
  readonly #gone = new AbortController();
  readonly input: AsyncIterable<Uint8Array>;

  constructor(
    private readonly socket: Duplex,
    /** What came before it was hijacked. */
    first: Buffer,
  ) {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#gone.abort(new Error('the client has gone')));
    this.input = inputOf(socket, first);
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  async write(data: Uint8Array): Promise<void> {
    const { socket } = this;
    if (socket.destroyed || socket.write(data)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.once('drain', done);
      socket.once('close', done);
    });
  }

  /** What was written arrives; input that nobody reads any more does not hold the connection open. */
  end(): void {
    this.socket.end(() => this.socket.destroy());
  }
}

async function* inputOf(socket: Duplex, first: Buffer): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  try {
    // The end of the input is not the end of the connection.
    yield* socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch {
    return; // broken: `signal` tells it
  }
}

/** The body of a request whose connection was hijacked: it lies at the beginning of what follows. Returns what comes after it too. */
export async function readHijackedBody(request: IncomingMessage, socket: Duplex, head: Buffer, maxBytes: number): Promise<{ body: Buffer; rest: Buffer }> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (!Number.isInteger(length) || length < 0 || length > maxBytes) throw new RangeError(`a body of ${request.headers['content-length']} bytes is not taken`);
  let bytes = head;
  if (bytes.length < length) {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= length) break;
    }
  }
  return { body: bytes.subarray(0, length), rest: bytes.subarray(length) };
}
