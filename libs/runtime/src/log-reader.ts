import { existsSync, watch } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Bell } from '../../base/src/index.js';
import { LineSplitter, parseLogLine, type LogPiece } from './log-line.js';
import type { LogLine, LogOptions } from './runtime.js';

const chunkBytes = 64 << 10;

/**
 * Lines of a json-file log and of its rotated files, oldest first. With `follow`, goes on until `ended` resolves
 * (the container has exited and all of its output is in the log) or the signal is aborted.
 */
export async function* readLog(path: string, options: LogOptions, ended: () => Promise<void>): AsyncGenerator<LogLine> {
  const { follow, tail, signal } = options;
  if (!existsSync(dirname(path))) return;
  const bell = new Bell();
  const watcher = follow ? watch(dirname(path), () => bell.ring()) : undefined;
  const end = { reached: !follow };
  if (follow) {
    void ended().then(
      () => {
        end.reached = true;
        bell.ring();
      },
      () => undefined, // aborted: the wait below ends by itself
    );
  }
  const reader = new RotatingReader(path);
  try {
    const wanted = (line: LogLine) => isInRange(line, options);
    yield* lastOf(tail, filter(joinPieces(reader.drain(), reader.partials), wanted));
    while (follow && !signal.aborted) {
      const last = end.reached; // looked at before reading: what was written until then is read below
      for await (const line of joinPieces(reader.drain(), reader.partials)) if (wanted(line)) yield line;
      if (last) break;
      await bell.wait(signal).catch(() => undefined); // aborted: the loop's condition sees it
    }
    for (const line of reader.rest()) if (wanted(line)) yield line;
  } finally {
    watcher?.close();
    await reader.close();
  }
}

/** Follows one log through its rotations: reads a renamed file to its end before the next one. */
class RotatingReader {
  /** Unfinished lines by stream. */
  readonly partials = new Map<string, LogLine>();
  #file: FileHandle | undefined;
  #inode = 0;
  readonly #splitter = new LineSplitter();

  constructor(readonly path: string) {}

  /** All that is there now. */
  async *drain(): AsyncGenerator<LogPiece> {
    if (!this.#file) {
      const oldest = (await this.#files())[0];
      if (oldest === undefined) return;
      await this.#open(oldest);
    }
    for (;;) {
      yield* this.#readToEnd();
      const next = await this.#successor();
      if (next === undefined) return;
      // What was written between our last read and the rename.
      yield* this.#readToEnd();
      await this.#open(next);
    }
  }

  *rest(): Generator<LogLine> {
    yield* this.partials.values();
    this.partials.clear();
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async *#readToEnd(): AsyncGenerator<LogPiece> {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await this.#file!.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      for (const line of this.#splitter.push(chunk.subarray(0, bytesRead))) {
        const piece = parseLogLine(line);
        if (piece) yield piece;
      }
    }
  }

  async #open(path: string): Promise<void> {
    await this.#file?.close();
    this.#file = await open(path, 'r');
    this.#inode = (await this.#file.stat()).ino;
  }

  /** The file after ours; undefined: ours is the current one. Ours may have been deleted by now: then the oldest is next. */
  async #successor(): Promise<string | undefined> {
    const files = await this.#files();
    const inodes = await Promise.all(files.map(inodeOf));
    const at = inodes.indexOf(this.#inode);
    return files[at + 1];
  }

  /** Oldest first: `json.log.2`, `json.log.1`, `json.log`. */
  async #files(): Promise<string[]> {
    const name = basename(this.path);
    const numbers = (await readdir(dirname(this.path)))
      .filter((entry) => entry.startsWith(`${name}.`) && /^[0-9]+$/.test(entry.slice(name.length + 1)))
      .map((entry) => Number(entry.slice(name.length + 1)));
    const rotated = numbers.sort((a, b) => b - a).map((number) => join(dirname(this.path), `${name}.${number}`));
    return existsSync(this.path) ? [...rotated, this.path] : rotated;
  }
}

async function inodeOf(path: string): Promise<number> {
  const file = await open(path, 'r').catch(() => undefined); // rotated away in between
  if (!file) return 0;
  const { ino } = await file.stat();
  await file.close();
  return ino;
}

/** Pieces of one line, joined: a piece without line feed waits for the rest of its stream. */
async function* joinPieces(pieces: AsyncIterable<LogPiece>, partials: Map<string, LogLine>): AsyncGenerator<LogLine> {
  for await (const { stream, timestamp, text, complete } of pieces) {
    const before = partials.get(stream);
    const line: LogLine = { stream, timestamp: before?.timestamp ?? timestamp, text: (before?.text ?? '') + text };
    if (complete) {
      partials.delete(stream);
      yield line;
    } else {
      partials.set(stream, line);
    }
  }
}

async function* filter<T>(items: AsyncIterable<T>, accept: (item: T) => boolean): AsyncGenerator<T> {
  for await (const item of items) if (accept(item)) yield item;
}

async function* lastOf<T>(count: number | undefined, items: AsyncIterable<T>): AsyncGenerator<T> {
  if (count === undefined) return yield* items;
  const kept: T[] = [];
  for await (const item of items) {
    kept.push(item);
    if (kept.length > count) kept.shift();
  }
  yield* kept;
}

function isInRange({ timestamp }: LogLine, { sinceMs, untilMs }: LogOptions): boolean {
  const atMs = Date.parse(timestamp);
  return (sinceMs === undefined || atMs >= sinceMs) && (untilMs === undefined || atMs <= untilMs);
}
