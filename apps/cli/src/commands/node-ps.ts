import type { Command } from 'commander';
import { parseFilters } from '../api-client/filters.js';
import type { Task } from '../api-client/types.js';
import type { Session } from '../session.js';
import { forEachName } from './each.js';
import { addTaskListFlags, type TaskListFlags } from './flags.js';
import { findNode } from './lookup.js';
import { printTasks } from './print-tasks.js';

export function define(command: Command, session: Session): void {
  addTaskListFlags(command.argument('[node...]', 'names, ids or "self"', ['self'])).action(
    (references: string[], flags: TaskListFlags) => listNodeTasks(session, references, flags),
  );
}

/** Tasks of all named nodes in one table; an unknown node is told after it. */
async function listNodeTasks(session: Session, references: string[], flags: TaskListFlags): Promise<void> {
  const api = session.api();
  const tasks: Task[] = [];
  const gathered = forEachName(session, references, async (reference) => {
    const node = await findNode(api, reference);
    const filters = { ...parseFilters(flags.filter), node: [node.ID] };
    tasks.push(...((await api.get<Task[] | null>('/tasks', { filters })) ?? []));
  });
  const failure = await gathered.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (tasks.length > 0 || !failure) await printTasks(session, tasks, flags);
  if (failure) throw failure as Error;
}
