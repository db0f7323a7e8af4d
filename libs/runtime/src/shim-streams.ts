import { Refused } from '../../base/src/index.js';
import type { Operation } from './operations.js';
import { OutputQueue } from './output-queue.js';
import type { OutputChunk, ProcessStreams } from './runtime.js';
import type { ShimConnection, ShimListener } from './shim-connection.js';

/** No command to a shim is longer than 16 KiB. */
const maxInputBytes = 16_000;
/** Waiting for a slow reader here; what comes beyond waits in the socket, and then with the shim. */
const pauseAtBytes = 256 << 10;

export interface StreamKinds {
  input: boolean;
  terminal: boolean;
}

/** The streams of a process over a connection to its shim. */
export class ShimStreams implements ProcessStreams {
  readonly output: OutputQueue;
  #connection: ShimConnection | undefined;

  constructor(
    readonly kinds: StreamKinds,
    /** Whose, for words: `container web.1`. */
    readonly subject: string,
  ) {
    this.output = new OutputQueue(() => this.#goOn());
  }

  /** What the connection's listener hears of them. */
  get listener(): Pick<ShimListener, 'output' | 'errorOutput' | 'lost'> {
    return {
      output: (data) => this.#take('stdout', data),
      errorOutput: (data) => this.#take('stderr', data),
      lost: (lostBytes) => this.output.push({ stream: 'stdout', data: Buffer.alloc(0), lostBytes }),
    };
  }

  use(connection: ShimConnection): void {
    this.#connection = connection;
  }

  async write(data: Buffer): Promise<void> {
    if (!this.kinds.input) throw new Refused('precondition', `the standard input of ${this.subject} is not open`);
    for (let at = 0; at < data.length; at += maxInputBytes) await this.send([['input', data.subarray(at, at + maxInputBytes)]]);
  }

  async closeInput(): Promise<void> {
    if (this.kinds.input) await this.send([['inputEnd']]);
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (!this.kinds.terminal) throw new Refused('precondition', `${this.subject} has no terminal`);
    await this.send([['resize', terminalLength(rows), terminalLength(columns)]]);
  }

  close(): void {
    this.output.drop();
    this.#connection?.close();
  }

  async send(operations: readonly Operation[]): Promise<void> {
    await this.#connection?.sendAll(operations);
  }

  #take(stream: OutputChunk['stream'], data: Buffer): void {
    this.output.push({ stream, data: Buffer.from(data) });
    if (this.output.bytes > pauseAtBytes) this.#connection?.socket.pause();
  }

  #goOn(): void {
    if (this.output.bytes <= pauseAtBytes / 2) this.#connection?.socket.resume();
  }
}

const maxTerminalLength = 0xffff;

/** Rows or columns, as the kernel counts them. */
export function terminalLength(characters: number): number {
  if (!Number.isInteger(characters) || characters < 0 || characters > maxTerminalLength) throw new Refused('invalid', `a terminal has no ${characters} rows or columns`);
  return characters;
}
