import type { LogLine } from './runtime.js';

/** One record of a json-file log: a whole line, or a piece of one that was too long. */
export interface LogPiece extends LogLine {
  /** The line ends here. */
  complete: boolean;
}

/** Undefined: the line is no record (cut by a full disk). */
export function parseLogLine(line: string): LogPiece | undefined {
  try {
    const { log, stream, time } = JSON.parse(line) as { log: string; stream: string; time: string };
    const complete = log.endsWith('\n');
    return { stream: stream === 'stderr' ? 'stderr' : 'stdout', timestamp: time, text: complete ? log.slice(0, -1) : log, complete };
  } catch {
    return undefined;
  }
}

const lineFeed = 0x0a;

/** Chunks of bytes into lines; a line that is not finished waits for its rest. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      lines.push(Buffer.concat([this.#rest, chunk.subarray(from, at)]).toString('utf8'));
      this.#rest = Buffer.alloc(0);
      from = at + 1;
    }
    this.#rest = Buffer.concat([this.#rest, chunk.subarray(from)]);
    return lines;
  }
}

/** Chunks of a log file into its records. */
export interface LogDecoder {
  push(chunk: Buffer): LogPiece[];
}

export class JsonDecoder implements LogDecoder {
  readonly #splitter = new LineSplitter();

  push(chunk: Buffer): LogPiece[] {
    return this.#splitter.push(chunk).flatMap((line) => parseLogLine(line) ?? []);
  }
}

const lengthBytes = 4;
const headBytes = 13;
const fromError = 1;
const partial = 2;

/** Records of the `local` driver, as the shim's log-local.c writes them. */
export class LocalDecoder implements LogDecoder {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): LogPiece[] {
    const pieces: LogPiece[] = [];
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= headBytes) {
      const end = lengthBytes + bytes.readUInt32LE(0);
      if (bytes.length < end) break;
      const flags = bytes.readUInt8(headBytes - 1);
      pieces.push({
        stream: flags & fromError ? 'stderr' : 'stdout',
        timestamp: timestampOf(bytes.readBigUInt64LE(lengthBytes)),
        text: bytes.toString('utf8', headBytes, end),
        complete: (flags & partial) === 0,
      });
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return pieces;
  }
}

const nanosecondsPerMs = 1_000_000n;

/** RFC 3339 with nanoseconds. */
function timestampOf(atNs: bigint): string {
  const whole = new Date(Number(atNs / nanosecondsPerMs)).toISOString();
  return `${whole.slice(0, -1)}${String(atNs % nanosecondsPerMs).padStart(6, '0')}Z`;
}
