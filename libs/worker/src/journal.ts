import { itemKey, type AssignmentItem, type TaskStatus } from '../../model/src/index.js';

/**
 * What a node remembers across restarts of its agent: written before it is acted on.
 * A task that was once started is never started again, even when its container is gone.
 */
export interface Journal {
  load(): Promise<JournalContent>;
  saveAssignments(change: AssignmentChange): Promise<void>;
  saveStatus(taskId: string, status: TaskStatus): Promise<void>;
  forget(taskId: string): Promise<void>;
}

/** What a manager says of a node's assignments: all of them, or how they differ from what it said before. */
export interface AssignmentChange {
  epoch: number;
  version: number;
  /** `put` is all there is. */
  complete: boolean;
  put: AssignmentItem[];
  remove: Pick<AssignmentItem, 'kind' | 'key'>[];
}

export interface JournalContent {
  epoch: number;
  version: number;
  items: AssignmentItem[];
  statuses: Map<string, TaskStatus>;
}

/** The items after a change, by `itemKey`: the same map, for it costs what has changed, unless all of it is new. */
export function obeyed(items: Map<string, AssignmentItem>, { complete, put, remove }: AssignmentChange): Map<string, AssignmentItem> {
  const changed = complete ? new Map<string, AssignmentItem>() : items;
  for (const key of remove) changed.delete(itemKey(key));
  for (const item of put) changed.set(itemKey(item), item);
  return changed;
}

export class MemoryJournal implements Journal {
  content: JournalContent = { epoch: 0, version: 0, items: [], statuses: new Map() };

  async load(): Promise<JournalContent> {
    return { ...this.content, statuses: new Map(this.content.statuses) };
  }
  async saveAssignments(change: AssignmentChange): Promise<void> {
    const items = obeyed(new Map(this.content.items.map((item) => [itemKey(item), item])), change);
    Object.assign(this.content, { epoch: change.epoch, version: change.version, items: [...items.values()] });
  }
  async saveStatus(taskId: string, status: TaskStatus): Promise<void> {
    this.content.statuses.set(taskId, status);
  }
  async forget(taskId: string): Promise<void> {
    this.content.statuses.delete(taskId);
  }
}
