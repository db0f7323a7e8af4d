import type { ClientDuplexStream } from '@grpc/grpc-js';
import { describeError, isRefused, isTemporary } from '../../../../libs/base/src/index.js';
import type { ContainerInput, ContainerOutput } from '../../../../libs/wire/src/index.js';

export type ContainerCall = ClientDuplexStream<ContainerOutput, ContainerInput>;

/** gRPC is slow with large messages, and each one under way is memory. */
const maxPieceBytes = 64 * 1024;

/** How a stream came to its end: the manager wants no more, or the connection broke. */
export type ChannelEnd = 'given-up' | 'broken';

/**
 * One operation's stream, seen from the agent.
 *
 * 1. Nothing is written before the manager can take it: every write waits for the one before.
 * 2. `signal` is aborted when the manager is no longer there for it, whatever the reason.
 */
export class Channel {
  readonly #ended = new AbortController();
  #end: ChannelEnd | undefined;
  /** What the user sends, in order. Ends with the stream. To be iterated once. */
  readonly input: AsyncIterable<ContainerInput>;

  constructor(private readonly call: ContainerCall) {
    this.input = this.#read();
    call.on('error', () => this.#finish('broken'));
    call.on('status', () => this.#finish('given-up'));
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Why `signal` was aborted. */
  get end(): ChannelEnd | undefined {
    return this.#end;
  }

  open(requestId: string): Promise<void> {
    return this.#write({ open: requestId });
  }

  started(facts: unknown): Promise<void> {
    return this.#write({ started: Buffer.from(JSON.stringify(facts)) });
  }

  async output(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += maxPieceBytes) await this.#write({ [stream]: data.subarray(at, at + maxPieceBytes) });
  }

  async result(value: unknown): Promise<void> {
    await this.#write({ result: Buffer.from(JSON.stringify(value ?? null)) });
  }

  async fail(error: unknown): Promise<void> {
    const code = isRefused(error) ? error.code : isTemporary(error) ? 'temporary' : 'bug';
    await this.#write({ failure: { code, message: describeError(error) } });
  }

  /** Breaks off: the session that it belongs to is over. */
  cancel(): void {
    this.#finish('broken');
    this.call.cancel();
  }

  close(): void {
    this.call.end();
  }

  async *#read(): AsyncGenerator<ContainerInput> {
    try {
      // Who has read enough of the input still has a result to send.
      yield* this.call.iterator({ destroyOnReturn: false }) as AsyncIterable<ContainerInput>;
    } catch {
      this.#finish('broken'); // `end` tells it; the operation goes on without its user
    }
  }

  #finish(end: ChannelEnd): void {
    this.#end ??= end;
    this.#ended.abort(new Error('the manager no longer waits for it'));
  }

  #write(message: ContainerOutput): Promise<void> {
    const { signal } = this.#ended;
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.call.write(message, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }
}
