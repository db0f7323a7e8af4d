import type { Command } from 'commander';
import type { ApiClient } from '../api-client/client.js';
import type { ClusterNode, Service, Task } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import { Interrupted } from '../failure-report.js';
import { taskName } from '../lists/tasks.js';
import type { Session } from '../session.js';
import { findNode } from './lookup.js';
import { outlookLines, type Outlook } from './outlook-lines.js';
import { setAvailability } from './set-availability.js';
import { timeoutMsOf } from './wait-flags.js';

interface DrainFlags {
  dryRun?: boolean;
  wait?: boolean;
  force?: boolean;
  timeout: string;
  quiet?: boolean;
}

const pollMs = 200;
/** Names of tasks that a line of progress shows. */
const shownTasks = 5;
const endedStates = ['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'];

export function define(command: Command, session: Session): void {
  command
    .argument('<node>', 'name, id or "self"')
    .option('--dry-run', 'only say where the tasks would go')
    .option('--wait', 'until no task is left on it')
    .option('--force', 'also when tasks would find no other node: they end')
    .option('--timeout <duration>', 'with --wait: give up waiting after this time; the drain goes on', '10m')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', '\nOf each service as many tasks move at once as an update replaces, in the order of its updates. "shoal node activate" takes it back.')
    .action((name: string, flags: DrainFlags) => drain(session, name, flags));
}

async function drain(session: Session, name: string, flags: DrainFlags): Promise<void> {
  const api = session.api();
  const node = await findNode(api, name);
  const outlook = await api.get<Outlook>(`/shoal/v1/nodes/${node.ID}/outlook`, { query: { change: 'drain' } });
  if (flags.dryRun) for (const line of outlookLines(outlook)) session.out.write(`${line}\n`);
  if (outlook.pending.length > 0 && !flags.force) throw noRoom(name, outlook, flags);
  if (flags.dryRun) return;
  await setAvailability(api, node, 'drain');
  if (!flags.wait) {
    session.out.write(`${name}\n`);
    return;
  }
  await untilEmpty(session, node, name, flags);
  session.out.write(`${name} is drained\n`);
}

function noRoom(name: string, { pending }: Outlook, { dryRun }: DrainFlags): Failure {
  const list = pending.map(({ task, reason }) => `  ${task}: ${reason}`).join('\n');
  const count = `${pending.length} ${pending.length === 1 ? 'task' : 'tasks'}`;
  return new Failure(exitStatus.failed, dryRun ? `${count} would find no other node` : `${name} is not drained: ${count} would find no other node\n${list}\nMake room first, or use --force to end ${pending.length === 1 ? 'it' : 'them'}.`);
}

async function untilEmpty(session: Session, node: ClusterNode, name: string, flags: DrainFlags): Promise<void> {
  const { clock, interrupt, err } = session;
  const api = session.api();
  const deadlineMs = clock.monotonicMs() + timeoutMsOf(flags);
  const watch = `watch with: shoal node ps ${name}`;
  let told = '';
  try {
    for (;;) {
      const left = await tasksLeft(api, node.ID);
      if (left.length === 0) return;
      const line = `${left.length} ${left.length === 1 ? 'task' : 'tasks'} left on ${name}: ${namesOf(left)}`;
      if (line !== told && !flags.quiet) err.write(`${line}\n`);
      told = line;
      if (clock.monotonicMs() >= deadlineMs) throw new Failure(exitStatus.notConverged, `${name} is not drained in time: it goes on; ${watch}`);
      await clock.sleep(pollMs, interrupt);
    }
  } catch (error) {
    if (interrupt.aborted || error instanceof Interrupted) throw new Failure(exitStatus.interrupted, `interrupted: the drain goes on; ${watch}`);
    throw error;
  }
}

async function tasksLeft(api: ApiClient, nodeId: string): Promise<string[]> {
  const tasks = (await api.get<Task[] | null>('/tasks', { filters: { node: [nodeId] } })) ?? [];
  const left = tasks.filter(({ Status }) => !endedStates.includes(Status.State));
  if (left.length === 0) return [];
  const names = new Map(((await api.get<Service[] | null>('/services')) ?? []).map(({ ID, Spec }) => [ID, Spec.Name]));
  return left.map((task) => taskName(task, (id) => names.get(id) ?? id)).sort();
}

function namesOf(tasks: string[]): string {
  const more = tasks.length - shownTasks;
  return more > 1 ? `${tasks.slice(0, shownTasks).join(', ')} and ${more} more` : tasks.join(', ');
}
