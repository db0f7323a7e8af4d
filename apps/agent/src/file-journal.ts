import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KeyedSequencer } from '../../../libs/base/src/index.js';
import type { AssignmentItem, TaskStatus } from '../../../libs/model/src/index.js';
import type { Journal, JournalContent } from '../../../libs/worker/src/index.js';

/**
 * The journal as two files, readable by their owner only:
 *
 *     <runDir>/assignments.json   the whole set, which carries secrets: in memory when the host keeps `runDir` there
 *     <stateDir>/tasks.jsonl      statuses of tasks that were started, one line each, the last one of a task counts
 *
 * Lines are appended, because a file per status costs the disk a new inode each; the file is written anew when most
 * of its lines are outdated.
 */
export class FileJournal implements Journal {
  readonly #statuses = new Map<string, TaskStatus>();
  readonly #statusPath: string;
  readonly #assignmentsPath: string;
  readonly #sequencer = new KeyedSequencer();
  #lines = 0;
  #pending: string[] = [];

  private constructor(stateDir: string, runDir: string) {
    this.#statusPath = join(stateDir, 'tasks.jsonl');
    this.#assignmentsPath = join(runDir, 'assignments.json');
  }

  static async open(stateDir: string, runDir: string): Promise<FileJournal> {
    const journal = new FileJournal(stateDir, runDir);
    for (const dir of [stateDir, runDir]) await mkdir(dir, { recursive: true, mode: 0o700 });
    // What follows the last line feed was cut off by a crash, and was not acted on yet.
    const lines = ((await readIfThere(journal.#statusPath)) ?? '').split('\n').slice(0, -1);
    for (const line of lines) journal.#replay(line);
    await journal.#rewrite();
    return journal;
  }

  async load(): Promise<JournalContent> {
    const text = await readIfThere(this.#assignmentsPath);
    const assignments = text === undefined ? {} : (JSON.parse(text) as Partial<JournalContent>);
    return { epoch: 0, version: 0, items: [], ...assignments, statuses: new Map(this.#statuses) };
  }

  saveAssignments(content: { epoch: number; version: number; items: AssignmentItem[] }): Promise<void> {
    return this.#sequencer.run('assignments', () => replaceFile(this.#assignmentsPath, JSON.stringify(content)));
  }

  saveStatus(taskId: string, status: TaskStatus): Promise<void> {
    this.#statuses.set(taskId, status);
    return this.#append({ taskId, status });
  }

  async forget(taskId: string): Promise<void> {
    if (this.#statuses.delete(taskId)) await this.#append({ taskId });
  }

  /** Lines that arrive while another write runs go into one write after it. */
  #append(record: { taskId: string; status?: TaskStatus }): Promise<void> {
    this.#pending.push(JSON.stringify(record) + '\n');
    return this.#sequencer.run('statuses', async () => {
      const lines = this.#pending;
      if (lines.length === 0) return;
      this.#pending = [];
      await appendFile(this.#statusPath, lines.join(''), { mode: 0o600 });
      this.#lines += lines.length;
      if (this.#lines > 1_000 + 4 * this.#statuses.size) await this.#rewrite();
    });
  }

  async #rewrite(): Promise<void> {
    const lines = [...this.#statuses].map(([taskId, status]) => JSON.stringify({ taskId, status }) + '\n');
    await replaceFile(this.#statusPath, lines.join(''));
    this.#lines = lines.length;
  }

  #replay(line: string): void {
    const { taskId, status } = JSON.parse(line) as { taskId: string; status?: TaskStatus };
    if (status) this.#statuses.set(taskId, status);
    else this.#statuses.delete(taskId);
  }
}

/** Whole or not at all: a reader never sees half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
