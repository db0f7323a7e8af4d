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
