import type { Command } from 'commander';
import type { ApiClient } from '../api-client/client.js';
import { isNotFound } from '../api-client/errors.js';
import { listByIds } from '../api-client/list-by-ids.js';
import { stackFilter } from '../api-client/filters.js';
import type { Network, SecretOrConfig, Service, Task } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { Interrupted } from '../failure-report.js';
import type { Session } from '../session.js';
import { forEachName } from './each.js';
import { removeVolumes } from './remove-volumes.js';
import { nothingFound } from './stacks.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

const pollMs = 200;

export function define(command: Command, session: Session): void {
  addWaitFlags(command.argument('<stack...>').option('--volumes', 'its named volumes, too, with their contents')).action((stacks: string[], flags: RemoveFlags) => {
    const timeoutMs = timeoutMsOf(flags);
    if (flags.volumes && flags.detach) throw badUsage('--volumes waits for the containers that use them: leave out --detach');
    return forEachName(session, stacks, (stack) => removeStack(session, stack, flags, timeoutMs));
  });
}

interface RemoveFlags extends WaitFlags {
  volumes?: boolean;
}

/** What belongs to a stack, by its label. */
interface StackContents {
  services: Service[];
  networks: Network[];
  secrets: SecretOrConfig[];
  configs: SecretOrConfig[];
}

async function removeStack(session: Session, stack: string, flags: RemoveFlags, timeoutMs: number): Promise<void> {
  const api = session.api();
  const contents = await contentsOf(api, stack);
  const tasks = await liveTasks(api, stack);
  const known = await removeKnownStack(api, stack);
  if (!known && isEmpty(contents)) throw await nothingFound(api, stack);
  for (const line of removalLines(contents)) session.out.write(`${line}\n`);
  if (!known) await removeOneByOne(api, contents);
  if (!flags.detach) await waitUntilGone(session, stack, tasks.map((task) => task.ID), flags, timeoutMs);
  if (flags.volumes) await removeVolumes(session, stack, timeoutMs);
}

async function contentsOf(api: ApiClient, stack: string): Promise<StackContents> {
  const filters = stackFilter(stack);
  const list = async <T>(path: string) => (await api.get<T[] | null>(path, { filters })) ?? [];
  const [services, networks, secrets, configs] = await Promise.all([
    list<Service>('/services'),
    list<Network>('/networks'),
    list<SecretOrConfig>('/secrets'),
    list<SecretOrConfig>('/configs'),
  ]);
  services.sort((a, b) => (a.Spec.Name < b.Spec.Name ? -1 : 1));
  return { services, networks, secrets, configs };
}

function isEmpty(contents: StackContents): boolean {
  return Object.values(contents).every((list: unknown[]) => list.length === 0);
}

/** False when the manager has no stack of that name: it may have been made with the docker CLI. */
async function removeKnownStack(api: ApiClient, stack: string): Promise<boolean> {
  try {
    await api.delete(`/shoal/v1/stacks/${encodeURIComponent(stack)}`);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function removalLines({ services, secrets, configs, networks }: StackContents): string[] {
  return [
    ...services.map((service) => `Removing service ${service.Spec.Name}`),
    ...secrets.map((secret) => `Removing secret ${secret.Spec.Name}`),
    ...configs.map((config) => `Removing config ${config.Spec.Name}`),
    ...networks.map((network) => `Removing network ${network.Name}`),
  ];
}

/** In the order in which nothing is in use any more. */
async function removeOneByOne(api: ApiClient, { services, secrets, configs, networks }: StackContents): Promise<void> {
  const paths = [
    ...services.map((service) => `/services/${service.ID}`),
    ...secrets.map((secret) => `/secrets/${secret.ID}`),
    ...configs.map((config) => `/configs/${config.ID}`),
    ...networks.map((network) => `/networks/${network.Id}`),
  ];
  for (const path of paths) {
    try {
      await api.delete(path);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const endedStates = new Set(['complete', 'shutdown', 'failed', 'rejected', 'orphaned']);

/** By label; and by id, because a task may outlive its service, whose label it had. */
async function liveTasks(api: ApiClient, stack: string, ids: string[] = []): Promise<Task[]> {
  const byLabel = (await api.get<Task[] | null>('/tasks', { filters: stackFilter(stack) })) ?? [];
  const byId = await listByIds<Task>(api, '/tasks', 'id', ids);
  const all = new Map([...byLabel, ...byId].map((task) => [task.ID, task]));
  return [...all.values()].filter((task) => !endedStates.has(task.Status.State));
}

/** Tasks outlive their service until their grace period is over, and networks outlive their tasks. */
async function waitUntilGone(session: Session, stack: string, taskIds: string[], flags: WaitFlags, timeoutMs: number): Promise<void> {
  const { clock, interrupt, out } = session;
  const api = session.api();
  const deadline = clock.monotonicMs() + timeoutMs;
  let last = '';
  try {
    for (;;) {
      const tasks = await liveTasks(api, stack, taskIds);
      const networks = (await api.get<Network[] | null>('/networks', { filters: stackFilter(stack) })) ?? [];
      const left = [counted(tasks.length, 'task'), counted(networks.length, 'network')].filter(Boolean).join(' and ');
      if (left === '') break;
      if (left !== last && !flags.quiet) out.write(out.isTerminal ? `\r\x1b[K${stack}: waiting for ${left}` : `${stack}: waiting for ${left}\n`);
      last = left;
      if (clock.monotonicMs() >= deadline) {
        throw new Failure(exitStatus.notConverged, `${stack}: still ${left} after ${flags.timeout}; tasks may take their stop_grace_period to end, and the removal goes on`);
      }
      await clock.sleep(pollMs, interrupt);
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Failure(exitStatus.interrupted, `interrupted: the removal continues in background; watch with: shoal stack ps ${stack}`);
  } finally {
    if (last && out.isTerminal && !flags.quiet) out.write('\r\x1b[K');
  }
  if (last && !flags.quiet) out.write(`${stack}: gone\n`);
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`;
}
