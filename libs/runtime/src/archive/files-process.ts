import { setImmediate as nextTurn } from 'node:timers/promises';
import { Bell, Temporary } from '../../../base/src/index.js';
import type { Operation } from '../operations.js';
import { encodeProgram } from '../operations.js';
import type { ShimConnection, ShimEvent, ShimListener } from '../shim-connection.js';
import { decodeEntry, type FileEntry } from './entry.js';

export type FilesMessage = ({ kind: 'entry'; entry: FileEntry } | { kind: 'content'; data: Buffer }) & { bytes: number };
export type FilesFailure = Extract<ShimEvent, { event: 'failed' }>;

const breathAfterMs = 5;
/** So much may wait here for a slow reader; beyond, the shim waits. */
const highWaterBytes = 1 << 20;

/** A shim that reads or writes one container's files: a process of its own, which ends with this connection. */
export class FilesProcess {
  readonly #queue: FilesMessage[] = [];
  readonly #bell = new Bell();
  #queuedBytes = 0;
  #lastBreathMs = performance.now();
  #paused = false;
  #ended = false;
  #tellEnded!: () => void;
  /** Resolves when it is done, has failed, or is let go of: it takes nothing more. */
  readonly ended = new Promise<void>((resolve) => (this.#tellEnded = resolve));
  #isDone = false;
  #failure: Error | undefined;
  #connection!: ShimConnection;

  private constructor(
    readonly explain: (failure: FilesFailure) => Error,
    readonly signal: AbortSignal,
  ) {}

  static async begin(connect: (listener: ShimListener) => Promise<ShimConnection>, program: readonly Operation[], explain: (failure: FilesFailure) => Error, signal: AbortSignal): Promise<FilesProcess> {
    signal.throwIfAborted();
    const process = new FilesProcess(explain, signal);
    process.#connection = await connect({
      event: (event) => process.#hear(event),
      entry: (payload) => process.#push({ kind: 'entry', entry: decodeEntry(payload), bytes: payload.length }),
      content: (data) => process.#push({ kind: 'content', data, bytes: data.length }),
      closed: () => process.#end(),
    });
    signal.addEventListener('abort', process.close, { once: true });
    await process.send(program);
    return process;
  }

  readonly close = (): void => {
    this.signal.removeEventListener('abort', this.close);
    this.#connection.close();
    this.#end();
  };

  /** Resolves when the shim can take more. After a failure it takes nothing: `done` tells why. */
  async send(operations: readonly Operation[]): Promise<void> {
    const { socket } = this.#connection;
    if (this.#ended || socket.destroyed) return;
    const isTaken = socket.write(encodeProgram(operations));
    await this.#breathe();
    if (isTaken || this.#ended || socket.destroyed || !socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        socket.off('drain', go);
        socket.off('close', go);
        resolve();
      };
      socket.on('drain', go);
      socket.on('close', go);
    });
  }

  /** A shim as fast as its source would never let anything else have its turn here. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastBreathMs < breathAfterMs) return;
    await nextTurn();
    this.#lastBreathMs = performance.now();
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Everything it tells until it is done. */
  async *messages(): AsyncGenerator<FilesMessage> {
    try {
      for (;;) {
        for (let message = this.#queue.shift(); message; message = this.#queue.shift()) {
          this.#taken(message);
          yield message;
        }
        if (this.#ended) break;
        await this.#bell.wait();
      }
      this.#throwUnlessDone();
    } finally {
      this.close();
    }
  }

  async done(): Promise<void> {
    for await (const message of this.messages()) void message;
  }

  #throwUnlessDone(): void {
    this.signal.throwIfAborted();
    if (this.#failure) throw this.#failure;
    if (!this.#isDone) throw new Temporary('the process that handles the files of the container went away');
  }

  #hear(event: ShimEvent): void {
    if (event.event === 'failed') this.#failure ??= this.explain(event);
    else if (event.event === 'done') this.#isDone = true;
    else return;
    this.#end();
  }

  #push(message: FilesMessage): void {
    this.#queue.push(message);
    this.#queuedBytes += message.bytes;
    if (this.#queuedBytes > highWaterBytes && !this.#paused) {
      this.#paused = true;
      this.#connection.socket.pause();
    }
    this.#bell.ring();
  }

  #taken(message: FilesMessage): void {
    this.#queuedBytes -= message.bytes;
    if (this.#paused && this.#queuedBytes <= highWaterBytes / 2) {
      this.#paused = false;
      this.#connection.socket.resume();
    }
  }

  #end(): void {
    this.#ended = true;
    this.#tellEnded();
    this.#bell.ring();
  }
}
