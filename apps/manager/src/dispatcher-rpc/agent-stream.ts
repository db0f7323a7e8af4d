import { Bug, Refused, refusalCodes, Temporary, type RefusalCode } from '../../../../libs/base/src/index.js';
import type { TerminalSize } from '../../../../libs/model/src/index.js';
import type { ContainerOutput } from '../../../../libs/wire/src/index.js';
import type { ContainerStream, OutputPiece } from '../http/container-streams.js';
import type { ContainerCall } from './container-broker.js';

/** One operation's stream, seen from the manager: `requestId`, then `begin`, then `output`, in this order; `close` at any time. */
export class AgentStream implements ContainerStream {
  readonly #messages: AsyncIterator<ContainerOutput>;
  #started: unknown;
  #result: unknown;
  #closed = false;
  /** It was ended here, and did not break. */
  #givenUp = false;
  #onClose = (): void => undefined;

  constructor(
    private readonly call: ContainerCall,
    private readonly node: string,
  ) {
    // One that breaks while nobody reads it is no crash: the reader is told when it reads.
    call.on('error', () => undefined);
    call.once('close', () => this.#finish());
    this.#messages = call[Symbol.asyncIterator]() as AsyncIterator<ContainerOutput>;
  }

  async requestId(): Promise<string> {
    return (await this.#next())?.open ?? '';
  }

  /** Resolves when the operation has begun. */
  async begin(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const message = await this.#next();
      signal.throwIfAborted();
      if (message?.failure) throw failureFrom(message.failure);
      if (!message?.started) throw this.#lost();
      this.#started = parseJson(message.started);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  get started(): unknown {
    return this.#started;
  }

  get result(): unknown {
    return this.#result;
  }

  get output(): AsyncIterable<OutputPiece> {
    return this.#output();
  }

  async *#output(): AsyncGenerator<OutputPiece> {
    for (;;) {
      const message = await this.#next();
      if (message?.stdout) yield { stream: 'stdout', data: message.stdout };
      else if (message?.stderr) yield { stream: 'stderr', data: message.stderr };
      else if (message?.failure) throw failureFrom(message.failure);
      else if (message?.result) {
        this.#result = parseJson(message.result);
        return;
      } else if (!message) throw this.#lost();
    }
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#closed || this.call.write({ data })) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.call.off('drain', done);
        this.call.off('close', done);
        resolve();
      };
      this.call.once('drain', done);
      this.call.once('close', done);
    });
  }

  endInput(): void {
    if (!this.#closed) this.call.write({ end: true });
  }

  resize({ rows, columns }: TerminalSize): void {
    if (!this.#closed) this.call.write({ resize: { rows, columns } });
  }

  signal(name: string): void {
    if (!this.#closed) this.call.write({ signal: name });
  }

  discard(): void {
    if (!this.#closed) this.call.write({ discard: true });
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose = listener;
  }

  close(): void {
    if (this.#closed) return;
    this.#givenUp = true;
    this.#finish();
    this.call.end();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }

  /** Undefined when the stream has ended, however. */
  async #next(): Promise<ContainerOutput | undefined> {
    try {
      const { done, value } = await this.#messages.next();
      return done ? undefined : value;
    } catch {
      return undefined; // a broken stream says no more than one that has ended
    }
  }

  #lost(): Error {
    return this.#givenUp ? new Temporary('the command was ended') : new Temporary(`the connection to node ${this.node} broke`);
  }
}

/** What an agent's operation failed with, as if it had failed here. */
function failureFrom({ code, message }: { code?: string | null; message?: string | null }): Error {
  const text = message || 'the agent gave no reason';
  if (code === 'temporary') return new Temporary(text);
  return (refusalCodes as readonly string[]).includes(code ?? '') ? new Refused(code as RefusalCode, text) : new Bug(text);
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}
