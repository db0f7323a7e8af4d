import { isWanted, type Node, type Service, type Task } from '../../../model/src/index.js';
import type { Commit } from '../authority.js';

/** When things happened that no present state tells any more. */
export class Ledger {
  /** When a task was told to end, ms. */
  readonly unwantedSinceMs = new Map<string, number>();
  /** When a node was called down last, ms. */
  readonly downAtMs = new Map<string, number>();
  readonly taskBornAtMs = new Map<string, number>();
  /** Services that once started new tasks before old ones had ended. */
  readonly onceStartFirst = new Set<string>();

  note({ writes, atMs }: Commit): void {
    for (const { kind, id, before, after } of writes) {
      if (kind === 'task' && after) this.#noteTask(before as Task | undefined, after as Task, atMs);
      if (kind === 'node' && (after as Node | undefined)?.status.state === 'down') this.downAtMs.set(id, atMs);
      if (kind === 'service' && after) this.#noteService(after as Service);
    }
  }

  /** Its node was given up at some time of its life: nobody knows what it still runs there. */
  wasWrittenOff({ id, nodeId }: Pick<Task, 'id' | 'nodeId'>): boolean {
    const downAtMs = this.downAtMs.get(nodeId);
    return downAtMs !== undefined && downAtMs >= (this.taskBornAtMs.get(id) ?? 0);
  }

  #noteTask(before: Task | undefined, after: Task, atMs: number): void {
    if (!before) this.taskBornAtMs.set(after.id, atMs);
    if (!isWanted(after) && (!before || isWanted(before))) this.unwantedSinceMs.set(after.id, atMs);
  }

  #noteService({ id, spec }: Service): void {
    if (spec.update?.order === 'start-first' || spec.rollback?.order === 'start-first') this.onceStartFirst.add(id);
  }
}
