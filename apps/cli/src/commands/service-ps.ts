import type { Command } from 'commander';
import { parseFilters, type Filters } from '../api-client/filters.js';
import type { ApiClient } from '../api-client/client.js';
import type { Service, Task } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { addTaskListFlags, type TaskListFlags } from './flags.js';
import { noSuch, resolveSelf } from './lookup.js';
import { printTasks, printWaits } from './print-tasks.js';

export function define(command: Command, session: Session): void {
  addTaskListFlags(command.argument('<service...>', 'names or ids')).action((references: string[], flags: TaskListFlags) =>
    listTasks(session, references, flags),
  );
}

async function listTasks(session: Session, references: string[], flags: TaskListFlags): Promise<void> {
  const api = session.api();
  const { chosen, unknown } = await chooseServices(api, references);
  if (chosen.length > 0) {
    const filters: Filters = { ...parseFilters(flags.filter), service: chosen.map(({ ID }) => ID) };
    if (filters['node']) filters['node'] = await Promise.all(filters['node'].map((node) => resolveSelf(api, node)));
    await printTasks(session, (await api.get<Task[] | null>('/tasks', { filters })) ?? [], flags);
    if (!flags.quiet) printWaits(session, chosen);
  }
  if (unknown.length > 0) throw new Failure(exitStatus.failed, unknown.join('\n'));
}

/** Full id, then full name, then beginning of an id; a list of candidates for each in two requests. */
async function chooseServices(api: ApiClient, references: string[]): Promise<{ chosen: Service[]; unknown: string[] }> {
  const [byId, byName] = await Promise.all([
    api.get<Service[] | null>('/services', { filters: { id: references } }),
    api.get<Service[] | null>('/services', { filters: { name: references } }),
  ]);
  const chosen: Service[] = [];
  const unknown: string[] = [];
  for (const reference of references) {
    const prefixed = (byId ?? []).filter((service) => service.ID.startsWith(reference));
    const exact = prefixed.find((service) => service.ID === reference) ?? (byName ?? []).find((s) => s.Spec.Name === reference);
    if (exact) chosen.push(exact);
    else if (prefixed.length === 1) chosen.push(prefixed[0]!);
    else if (prefixed.length > 1) unknown.push(`service ${reference} is ambiguous (${prefixed.length} matches found)`);
    else unknown.push(await noSuch(api, 'service', reference));
  }
  return { chosen, unknown };
}
