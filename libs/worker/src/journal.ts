import type { AssignmentItem, TaskStatus } from '../../model/src/index.js';

/**
 * What a node remembers across restarts of its agent: written before it is acted on.
 * A task that was once started is never started again, even when its container is gone.
 */
export interface Journal {
  load(): Promise<JournalContent>;
  saveAssignments(content: { epoch: number; version: number; items: AssignmentItem[] }): Promise<void>;
  saveStatus(taskId: string, status: TaskStatus): Promise<void>;
  forget(taskId: string): Promise<void>;
}

export interface JournalContent {
  epoch: number;
  version: number;
  items: AssignmentItem[];
  statuses: Map<string, TaskStatus>;
}

export class MemoryJournal implements Journal {
  content: JournalContent = { epoch: 0, version: 0, items: [], statuses: new Map() };

  async load(): Promise<JournalContent> {
    return { ...this.content, statuses: new Map(this.content.statuses) };
  }
  async saveAssignments(content: Pick<JournalContent, 'epoch' | 'version' | 'items'>): Promise<void> {
    Object.assign(this.content, content);
  }
  async saveStatus(taskId: string, status: TaskStatus): Promise<void> {
    this.content.statuses.set(taskId, status);
  }
  async forget(taskId: string): Promise<void> {
    this.content.statuses.delete(taskId);
  }
}
