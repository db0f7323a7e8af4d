import { existsSync, watch } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Bell, ignoreAbort, isErrno } from '../../base/src/index.js';
import { compressedHeadBytes, decompressLog, originalIdentity, type FileIdentity } from './log-compression.js';
import { JsonDecoder, LocalDecoder, type LogDecoder, type LogPiece } from './log-line.js';
import { localLogName } from './log-plan.js';
import type { LogLine, LogOptions } from './runtime.js';

const chunkBytes = 64 << 10;
const maxLooks = 1000;

/**
 * Lines of a json-file or local log and of its rotated files, compressed or not, oldest first. With `follow`, goes on until `ended` resolves
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
      await bell.wait(signal).catch(ignoreAbort(signal));
    }
    for (const line of reader.rest()) if (wanted(line)) yield line;
  } finally {
    watcher?.close();
    await reader.close();
  }
}

interface LogFile {
  path: string;
  /** Of a compressed one: the file that it was. Empty: it is not there. */
  identity: string;
  compressed: boolean;
}

interface OpenLogFile {
  handle: FileHandle;
  identity: string;
  compressed: boolean;
  /** Of a compressed one: all is read. */
  finished: boolean;
}

/** Follows one log through its rotations: reads a renamed file to its end before the next one. */
class RotatingReader {
  /** Unfinished lines by stream. */
  readonly partials = new Map<string, LogLine>();
  #file: OpenLogFile | undefined;
  readonly #decoder: LogDecoder;

  constructor(readonly path: string) {
    this.#decoder = basename(path) === localLogName ? new LocalDecoder() : new JsonDecoder();
  }

  /** All that is there now. */
  async *drain(): AsyncGenerator<LogPiece> {
    this.#file ??= await this.#successor(undefined);
    while (this.#file) {
      yield* this.#readToEnd(this.#file);
      const next = await this.#successor(this.#file);
      if (!next) return;
      // What was written between our last read and the rename.
      yield* this.#readToEnd(this.#file);
      await this.#file.handle.close();
      this.#file = next;
    }
  }

  *rest(): Generator<LogLine> {
    yield* this.partials.values();
    this.partials.clear();
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
  }

  async *#readToEnd(file: OpenLogFile): AsyncGenerator<LogPiece> {
    if (file.finished) return;
    if (file.compressed) {
      yield* this.#decoder.push(await decompressLog(await file.handle.readFile()));
      file.finished = true;
      return;
    }
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.handle.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      yield* this.#decoder.push(chunk.subarray(0, bytesRead));
    }
  }

  /**
   * Opens the file after `file` (without one: the oldest); undefined: there is none. Names move while we look, so an answer
   * counts only when two looks agree and the opened file is the one that was meant.
   */
  async #successor(file: OpenLogFile | undefined): Promise<OpenLogFile | undefined> {
    for (let look = 0; look < maxLooks; look++) {
      const files = await this.#files();
      if (!isDeepStrictEqual(files, await this.#files())) continue;
      const at = file ? files.findIndex(({ identity }) => identity === file.identity) : -1;
      // An open file that is not in the list was deleted by rotation: the oldest is next, and what was in between is lost.
      if (file && at < 0 && (await file.handle.stat()).nlink > 0) continue;
      const next = files[at + 1];
      if (!next) return undefined;
      const handle = await ifThere(open(next.path, 'r'));
      if (handle && (await identityOf(handle, next.compressed)) === next.identity) return { ...next, handle, finished: false };
      await handle?.close();
    }
    return undefined; // somebody else moves our files: go on with the one we have
  }

  /** Oldest first: `json.log.2.gz`, `json.log.1`, `json.log`. One that has just got its compressed twin counts once. */
  async #files(): Promise<LogFile[]> {
    const name = basename(this.path);
    const entries = (await ifThere(readdir(dirname(this.path)))) ?? [];
    const rotated = entries.flatMap((entry) => {
      const [, number, suffix] = (entry.startsWith(`${name}.`) && /^([0-9]+)(\.gz)?$/.exec(entry.slice(name.length + 1))) || [];
      return number === undefined ? [] : [{ path: `${dirname(this.path)}/${entry}`, number: Number(number), compressed: suffix !== undefined }];
    });
    const all = [...rotated.sort((a, b) => b.number - a.number || Number(b.compressed) - Number(a.compressed)), { path: this.path, compressed: false }];
    const files = await Promise.all(all.map(async ({ path, compressed }) => ({ path, compressed, identity: await identityAt(path, compressed) })));
    return files.filter(({ identity }, index) => identity !== '' && files.findIndex((other) => other.identity === identity) === index);
  }
}

/** Empty: there is none, or it was renamed meanwhile. */
async function identityAt(path: string, compressed: boolean): Promise<string> {
  if (!compressed) return identityText(await ifThere(stat(path, { bigint: true })));
  const handle = await ifThere(open(path, 'r'));
  return handle ? identityOf(handle, true).finally(() => handle.close()) : '';
}

async function identityOf(handle: FileHandle, compressed: boolean): Promise<string> {
  const head = Buffer.alloc(compressed ? compressedHeadBytes : 0);
  if (compressed) await handle.read(head, 0, head.length, 0);
  return identityText(originalIdentity(head) ?? (await handle.stat({ bigint: true })));
}

function identityText(file: FileIdentity | undefined): string {
  return file ? `${file.ino} ${file.birthtimeNs}` : '';
}

/** Undefined: it was renamed in between, or removed with its container. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
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
