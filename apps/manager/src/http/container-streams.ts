import type { ContainerOperation, TerminalSize } from '../../../../libs/model/src/index.js';

/** A container and where it is. */
export interface ContainerPlace {
  containerId: string;
  nodeId: string;
}

/** A piece of what an operation gives out. */
export interface OutputPiece {
  stream: 'stdout' | 'stderr';
  data: Uint8Array;
}

/** An operation under way on some node. Whoever opened one closes it, on every path. */
export interface ContainerStream {
  /** What the agent said when the operation had begun. */
  readonly started: unknown;
  /** To be iterated once, to its end, unless it is closed: what is not read holds the agent up. Throws what the operation failed with. */
  readonly output: AsyncIterable<OutputPiece>;
  /** What it came to; once `output` has ended. */
  readonly result: unknown;
  /** Resolves when more may follow. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: TerminalSize): void;
  /** Sends a signal to the process that the operation started. */
  signal(name: string): void;
  /** Nobody listens any more: it goes on, and `output` gives no more until its end. */
  discard(): void;
  close(): void;
}

/** Operations on containers of any node. */
export interface ContainerStreams {
  /** Resolves when the operation has begun. Throws what it was refused with, or `Temporary` when its node cannot be asked. */
  open(place: ContainerPlace, operation: ContainerOperation, signal: AbortSignal): Promise<ContainerStream>;
}

/** Runs an operation that gives out nothing to its end. */
export async function callContainer(streams: ContainerStreams, place: ContainerPlace, operation: ContainerOperation, signal: AbortSignal): Promise<unknown> {
  const stream = await streams.open(place, operation, signal);
  try {
    for await (const _ of stream.output) void _;
    return stream.result;
  } finally {
    stream.close();
  }
}
