import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { itemKey, type AssignmentItem, type TaskStatus } from '../../../libs/model/src/index.js';
import { obeyed, type AssignmentChange, type Journal, type JournalContent } from '../../../libs/worker/src/index.js';
import { parseRecord, readIfThere, RecordFile } from './record-file.js';

interface StatusRecord {
  taskId: string;
  /** Absent: the task is forgotten. */
  status?: TaskStatus;
}

/**
 * The journal as two files of records:
 *
 *     <runDir>/assignments.jsonl  a complete set, then the differences since; carries secrets: in memory when the host keeps `runDir` there
 *     <stateDir>/tasks.jsonl      statuses of tasks that were started, the last one of a task counts
 */
export class FileJournal implements Journal {
  readonly #statuses = new Map<string, TaskStatus>();
  #assignments = { epoch: 0, version: 0, items: new Map<string, AssignmentItem>() };
  readonly #statusFile: RecordFile<StatusRecord>;
  readonly #assignmentsFile: RecordFile<AssignmentChange>;

  private constructor(stateDir: string, runDir: string) {
    this.#statusFile = new RecordFile(join(stateDir, 'tasks.jsonl'), () => [...this.#statuses].map(([taskId, status]) => ({ taskId, status })));
    this.#assignmentsFile = new RecordFile(join(runDir, 'assignments.jsonl'), () => {
      const { epoch, version, items } = this.#assignments;
      return [{ epoch, version, complete: true, put: [...items.values()], remove: [] }];
    });
  }

  static async open(stateDir: string, runDir: string): Promise<FileJournal> {
    const journal = new FileJournal(stateDir, runDir);
    for (const dir of [stateDir, runDir]) await mkdir(dir, { recursive: true, mode: 0o700 });
    await journal.#takeOverWholeFile(join(runDir, 'assignments.json'));
    for (const change of await journal.#assignmentsFile.read()) journal.#obey(change);
    for (const record of await journal.#statusFile.read()) journal.#note(record);
    await Promise.all([journal.#assignmentsFile.rewrite(), journal.#statusFile.rewrite()]);
    await rm(join(runDir, 'assignments.json'), { force: true });
    return journal;
  }

  async load(): Promise<JournalContent> {
    const { epoch, version, items } = this.#assignments;
    return { epoch, version, items: [...items.values()], statuses: new Map(this.#statuses) };
  }

  /** What the node is not to know any longer is not in the file either once this resolves. */
  saveAssignments(change: AssignmentChange): Promise<void> {
    const mustForget = change.complete || this.#givesUpSecrets(change);
    this.#obey(change);
    return mustForget ? this.#assignmentsFile.rewrite() : this.#assignmentsFile.append(change);
  }

  saveStatus(taskId: string, status: TaskStatus): Promise<void> {
    this.#note({ taskId, status });
    return this.#statusFile.append({ taskId, status });
  }

  async forget(taskId: string): Promise<void> {
    if (!this.#statuses.has(taskId)) return;
    this.#note({ taskId });
    await this.#statusFile.append({ taskId });
  }

  #givesUpSecrets({ put, remove }: AssignmentChange): boolean {
    const before = [...put, ...remove].map((key) => this.#assignments.items.get(itemKey(key)));
    return before.some((item) => item?.kind === 'secret' || (item?.kind === 'task' && item.value.credentials !== undefined));
  }

  #obey(change: AssignmentChange): void {
    this.#assignments = { epoch: change.epoch, version: change.version, items: obeyed(this.#assignments.items, change) };
  }

  #note({ taskId, status }: StatusRecord): void {
    if (status) this.#statuses.set(taskId, status);
    else this.#statuses.delete(taskId);
  }

  /** What an agent wrote that kept the assignments as one document. */
  async #takeOverWholeFile(path: string): Promise<void> {
    const text = await readIfThere(path);
    if (text === '') return;
    const { epoch, version, items } = parseRecord<{ epoch: number; version: number; items: AssignmentItem[] }>(text, path, 1);
    this.#assignments = { epoch, version, items: new Map(items.map((item) => [itemKey(item), item])) };
  }
}
