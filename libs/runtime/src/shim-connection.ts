import { closeSync, constants, openSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { Temporary } from '../../base/src/index.js';
import { encodeProgram, maxRecordBytes, recordHeaderBytes, replyKinds, type Operation } from './operations.js';

/** What a shim tells. `state` comes once, first, to whoever connects to a shim that stands. */
export type ShimEvent =
  | { event: 'failed'; step: string; object: string; errno: number; reason: string }
  | { event: 'state' | 'created' | 'started'; state: 'creating' | 'created' | 'running' | 'exited'; pid: number; startTime: number }
  | { event: 'oom' }
  | { event: 'start-failed'; errno: number }
  /** From now on the connection gets the output; `input`: and may write. */
  | { event: 'attached'; input: boolean }
  /** A log file waits to be compressed. */
  | { event: 'log-rotated' }
  /** All files are read or written. */
  | { event: 'done' }
  | ExitedEvent;

export interface ExitedEvent {
  event: 'exited';
  /** As waitpid gives it. */
  waitStatus: number;
  /** Why execve failed; 0: it did not. */
  startErrno: number;
  pid?: number;
  startTime?: number;
  oomKilled?: boolean;
  /** No agent was there to be told `oom` of the last kill for lack of memory. */
  oomUntold?: boolean;
  exitedAtMs?: number;
  timedOut?: boolean;
  /** What the log's disk or server did not take. */
  lostLogRecords?: number;
}

export interface ShimListener {
  event?(event: ShimEvent): void;
  file?(errno: number, data: Buffer): void;
  /** Standard output, or a terminal's. Good only until it returns, as what follows. */
  output?(data: Buffer): void;
  errorOutput?(data: Buffer): void;
  /** Output that was dropped before what follows. */
  lost?(bytes: number): void;
  /** Of a process that handles files (`OP_FILES_…`). */
  entry?(payload: Buffer): void;
  content?(data: Buffer): void;
  /** The other side is gone; nothing follows. */
  closed?(): void;
}

/** One connection to the zygote or to a container's shim: records in both directions. */
export class ShimConnection {
  #pending: Buffer = Buffer.alloc(0);

  private constructor(
    readonly socket: Socket,
    readonly listener: ShimListener,
  ) {
    socket.on('data', (data) => this.#receive(data));
    socket.on('error', () => undefined); // 'close' follows and says all there is to do
    socket.on('close', () => listener.closed?.());
  }

  /** Connects to `name` in `directory`. A socket's address holds 107 bytes at most, so the directory is named by a descriptor. */
  static async connect(directory: string, name: string, listener: ShimListener): Promise<ShimConnection> {
    const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const socket = createConnection(`/proc/self/fd/${descriptor}/${name}`);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', (error) => reject(new Temporary(`cannot connect to ${directory}/${name}`, { cause: error })));
      });
      return new ShimConnection(socket, listener);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Over a socket that the shim was born with. */
  static over(socket: Socket, listener: ShimListener): ShimConnection {
    return new ShimConnection(socket, listener);
  }

  send(operations: readonly Operation[]): void {
    this.socket.write(encodeProgram(operations));
  }

  /** Resolves when the kernel has taken it, or when nobody listens any more. */
  sendAll(operations: readonly Operation[]): Promise<void> {
    return new Promise((resolve) => this.socket.write(encodeProgram(operations), () => resolve()));
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(data: Buffer): void {
    this.#pending = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data]);
    while (this.#pending.length >= recordHeaderBytes) {
      const kind = this.#pending.readUInt32LE(0);
      const end = recordHeaderBytes + this.#pending.readUInt32LE(4);
      if (end > maxRecordBytes) return this.close();
      if (this.#pending.length < end) return;
      const payload = this.#pending.subarray(recordHeaderBytes, end);
      this.#pending = this.#pending.subarray(end);
      this.#dispatch(kind, payload);
    }
  }

  #dispatch(kind: number, payload: Buffer): void {
    if (kind === replyKinds.event) this.listener.event?.(JSON.parse(payload.toString('utf8')) as ShimEvent);
    else if (kind === replyKinds.file) this.listener.file?.(payload.readUInt32LE(0), payload.subarray(4));
    else if (kind === replyKinds.output) this.listener.output?.(payload);
    else if (kind === replyKinds.error) this.listener.errorOutput?.(payload);
    else if (kind === replyKinds.lost) this.listener.lost?.(Number(payload.readBigUInt64LE(0)));
    else if (kind === replyKinds.entry) this.listener.entry?.(payload);
    else if (kind === replyKinds.content) this.listener.content?.(payload);
  }
}
