import { Refused } from '../../base/src/index.js';
import { OutputQueue } from './output-queue.js';
import type { ExecSession, OutputChunk, ProcessStreams, StartExecRequest } from './runtime.js';
import { signalNumber } from './signals.js';

const SIGKILL = 9;

/** What a test makes of an exec in a fake container. */
export interface FakeExec {
  readonly request: StartExecRequest;
  print(text: string, stream?: OutputChunk['stream']): void;
  exit(exitCode: number): void;
  onInput: (data: Buffer) => void;
  onInputEnd: () => void;
  onResize: (rows: number, columns: number) => void;
}

/** A process like `cat`: without open input it ends at once, with it it gives back what it gets until the input ends. */
export function actLikeCat(exec: FakeExec): void {
  exec.onInput = (data) => exec.print(data.toString('utf8'));
  exec.onInputEnd = () => exec.exit(0);
  if (!exec.request.openStdin) exec.exit(0);
}

export class FakeSession implements ExecSession, FakeExec {
  readonly output = new OutputQueue();
  readonly exited: Promise<{ exitCode: number }>;
  onInput: (data: Buffer) => void = () => undefined;
  onInputEnd: () => void = () => undefined;
  onResize: (rows: number, columns: number) => void = () => undefined;
  #resolve!: (exit: { exitCode: number }) => void;

  constructor(
    readonly pid: number,
    readonly request: StartExecRequest,
  ) {
    this.exited = new Promise((resolve) => (this.#resolve = resolve));
  }

  print(text: string, stream: OutputChunk['stream'] = 'stdout'): void {
    this.output.push({ stream: this.request.terminal ? 'stdout' : stream, data: Buffer.from(text) });
  }

  exit(exitCode: number): void {
    this.output.end();
    this.#resolve({ exitCode });
  }

  kill(): void {
    this.exit(128 + SIGKILL);
  }

  async write(data: Buffer): Promise<void> {
    if (!this.request.openStdin) throw new Refused('precondition', 'its standard input is not open');
    this.onInput(data);
  }

  async closeInput(): Promise<void> {
    if (!this.request.terminal) this.onInputEnd();
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (!this.request.terminal) throw new Refused('precondition', 'it has no terminal');
    this.onResize(rows, columns);
  }

  async signal(signal: string): Promise<void> {
    this.exit(128 + signalNumber(signal));
  }

  close(): void {
    this.output.drop();
  }
}

/** One listener of a fake container. */
export class FakeAttachment implements ProcessStreams {
  readonly output = new OutputQueue();

  constructor(
    readonly hasInput: boolean,
    readonly onInput: (data: Buffer) => void,
    readonly onInputEnd: () => void,
    readonly onResize: (rows: number, columns: number) => Promise<void>,
    readonly onClose: (attachment: FakeAttachment) => void,
  ) {}

  async write(data: Buffer): Promise<void> {
    if (!this.hasInput) throw new Refused('precondition', 'its standard input is not open');
    this.onInput(data);
  }

  async closeInput(): Promise<void> {
    if (this.hasInput) this.onInputEnd();
  }

  resize(rows: number, columns: number): Promise<void> {
    return this.onResize(rows, columns);
  }

  close(): void {
    this.output.drop();
    this.onClose(this);
  }
}
