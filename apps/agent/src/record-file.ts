import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno, KeyedSequencer, Refused } from '../../../libs/base/src/index.js';

/** What a file may grow by before it is written anew, beside twice what it was then. */
const growthBytes = 256 * 1024;

/**
 * A file of JSON records, one a line, readable by its owner only.
 *
 * 1. Records are appended, for a change shall cost what has changed. Those that come while a write runs go into one write after it.
 * 2. `append` resolves when its record is in the file, and rejects when it is not.
 * 3. Now and then, and after a write that failed in its middle, the file is replaced by what the owner says is left of all records.
 */
export class RecordFile<T> {
  readonly #sequencer = new KeyedSequencer();
  #batch: { lines: string[]; written: Promise<void> } | undefined;
  /** Of the file when it was written last as a whole, and of what was appended since. */
  #wholeBytes = 0;
  #appendedBytes = 0;
  #isTorn = false;

  /** `remaining`: few records that say the same as all appended so far, those that are on their way included. */
  constructor(
    readonly path: string,
    private readonly remaining: () => T[],
  ) {}

  /** The records of the file, oldest first; none when there is no file. `Refused` when it is not one of ours. */
  async read(): Promise<T[]> {
    // What follows the last line feed was cut off by a crash, and was not acted on yet.
    const lines = (await readIfThere(this.path)).split('\n').slice(0, -1);
    return lines.map((line, at) => parseRecord<T>(line, this.path, at + 1));
  }

  append(record: T): Promise<void> {
    const line = JSON.stringify(record) + '\n';
    if (this.#batch) {
      this.#batch.lines.push(line);
      return this.#batch.written;
    }
    const lines = [line];
    this.#batch = { lines, written: this.#sequencer.run('write', () => this.#write(lines)) };
    return this.#batch.written;
  }

  /** Whole or not at all: a reader never sees half of it. */
  rewrite(): Promise<void> {
    return this.#sequencer.run('write', () => this.#rewrite());
  }

  async #write(lines: string[]): Promise<void> {
    this.#batch = undefined;
    const text = lines.join('');
    if (this.#isTorn || this.#appendedBytes + text.length > growthBytes + 2 * this.#wholeBytes) return this.#rewrite();
    this.#isTorn = true;
    await appendFile(this.path, text, { mode: 0o600 });
    this.#isTorn = false;
    this.#appendedBytes += text.length;
  }

  async #rewrite(): Promise<void> {
    const text = this.remaining().map((record) => JSON.stringify(record) + '\n').join('');
    await writeFile(`${this.path}.new`, text, { mode: 0o600 });
    await rename(`${this.path}.new`, this.path);
    this.#wholeBytes = text.length;
    this.#appendedBytes = 0;
    this.#isTorn = false;
  }
}

/** Empty when there is none. */
export async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

export function parseRecord<T>(text: string, path: string, line: number): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    const remedy = 'Move the file away and start the agent again: it takes up the containers that run, and learns the rest from a manager';
    throw new Refused('precondition', `line ${line} of ${path} is not a record that an agent wrote (${String(error)}). ${remedy}`);
  }
}
