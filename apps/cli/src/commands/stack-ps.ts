import type { Command } from 'commander';
import { parseFilters, stackFilter } from '../api-client/filters.js';
import type { Service, Task } from '../api-client/types.js';
import type { Session } from '../session.js';
import { addTaskListFlags, type TaskListFlags } from './flags.js';
import { resolveSelf } from './lookup.js';
import { printTasks, printWaits } from './print-tasks.js';
import { mergeFilters, nothingFound } from './stacks.js';

export function define(command: Command, session: Session): void {
  addTaskListFlags(command.argument('<stack>')).action((stack: string, flags: TaskListFlags) =>
    listStackTasks(session, stack, flags),
  );
}

async function listStackTasks(session: Session, stack: string, flags: TaskListFlags): Promise<void> {
  const api = session.api();
  const filters = mergeFilters(stackFilter(stack), parseFilters(flags.filter));
  if (filters['node']) filters['node'] = await Promise.all(filters['node'].map((node) => resolveSelf(api, node)));
  const tasks = (await api.get<Task[] | null>('/tasks', { filters })) ?? [];
  if (tasks.length === 0) throw await nothingFound(api, stack);
  await printTasks(session, tasks, flags, true);
  if (!flags.quiet) printWaits(session, (await api.get<Service[] | null>('/services', { filters: stackFilter(stack) })) ?? []);
}
