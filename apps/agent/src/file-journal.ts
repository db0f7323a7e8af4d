import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssignmentItem, TaskStatus } from '../../../libs/model/src/index.js';
import type { Journal, JournalContent } from '../../../libs/worker/src/index.js';

/**
 * The journal as files, readable by their owner only (assignments carry secrets; they live on a memory file system
 * when the host gives one, see `secretsDir`):
 *
 *     <secretsDir>/assignments.json     the whole set
 *     <dir>/tasks/<task id>.json        the newest status of each task that was started
 */
export class FileJournal implements Journal {
  readonly #tasksDir: string;
  readonly #assignmentsPath: string;

  private constructor(dir: string, secretsDir: string) {
    this.#tasksDir = join(dir, 'tasks');
    this.#assignmentsPath = join(secretsDir, 'assignments.json');
  }

  static async open(dir: string, secretsDir: string): Promise<FileJournal> {
    const journal = new FileJournal(dir, secretsDir);
    await mkdir(journal.#tasksDir, { recursive: true, mode: 0o700 });
    await mkdir(secretsDir, { recursive: true, mode: 0o700 });
    return journal;
  }

  async load(): Promise<JournalContent> {
    const assignments = await readJson<{ epoch: number; version: number; items: AssignmentItem[] }>(this.#assignmentsPath);
    const statuses = new Map<string, TaskStatus>();
    for (const name of await readdir(this.#tasksDir)) {
      if (!name.endsWith('.json')) continue;
      const status = await readJson<TaskStatus>(join(this.#tasksDir, name));
      if (status) statuses.set(name.slice(0, -'.json'.length), status);
    }
    return { epoch: 0, version: 0, items: [], ...assignments, statuses };
  }

  saveAssignments(content: { epoch: number; version: number; items: AssignmentItem[] }): Promise<void> {
    return replaceFile(this.#assignmentsPath, JSON.stringify(content));
  }

  saveStatus(taskId: string, status: TaskStatus): Promise<void> {
    return replaceFile(join(this.#tasksDir, `${taskId}.json`), JSON.stringify(status));
  }

  async forget(taskId: string): Promise<void> {
    await rm(join(this.#tasksDir, `${taskId}.json`), { force: true });
  }
}

/** Whole or not at all: a reader never sees half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readJson<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as T;
}
