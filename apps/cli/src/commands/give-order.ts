import type { Command } from 'commander';
import { stackFilter } from '../api-client/filters.js';
import type { ApiClient } from '../api-client/client.js';
import { listByIds } from '../api-client/list-by-ids.js';
import type { Service } from '../api-client/types.js';
import { lookBefore } from '../progress/observe.js';
import type { Session } from '../session.js';
import { awaited, awaitServices } from './await-services.js';
import { forEachName } from './each.js';
import type { CommandFile } from './lazy.js';
import { find } from './lookup.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

/** What users tell services, or all services of a stack, that is no change of their spec. */
export type Order = 'pause' | 'resume' | 'abort' | 'promote' | 'restart' | 'stop' | 'start' | 'run-now';

interface OrderAnswer {
  services: { id: string; name: string }[];
  skipped: { name: string; reason: string }[];
}

export function serviceOrder(order: Order): CommandFile {
  return {
    define: (command, session) => {
      withFlags(command.argument('<service...>', 'names or ids'), order).action((names: string[], flags: WaitFlags) => orderServices(session, order, names, flags));
    },
  };
}

export function stackOrder(order: Order): CommandFile {
  return {
    define: (command, session) => {
      withFlags(command.argument('<stack>', 'name of the stack'), order).action((stack: string, flags: WaitFlags) => orderStack(session, order, stack, flags));
    },
  };
}

/** A paused update is what it is at once; all else takes its time. */
function withFlags(command: Command, order: Order): Command {
  return order === 'pause' ? command : addWaitFlags(command);
}

async function orderServices(session: Session, order: Order, names: string[], flags: WaitFlags): Promise<void> {
  if (order !== 'pause') timeoutMsOf(flags);
  const api = session.api();
  const services: Service[] = [];
  await forEachName(session, names, async (name) => void services.push(await find<Service>(api, 'service', name)));
  const baseline = await lookBefore(api, services);
  const given: Service[] = [];
  await forEachName(session, services.map(({ ID }) => ID), async (id) => {
    await api.post<OrderAnswer>(`/shoal/v1/services/${id}/orders/${order}`);
    const service = services.find(({ ID }) => ID === id)!;
    given.push(service);
    session.out.write(`${service.Spec.Name}\n`);
  });
  await follow(session, order, { given, baseline, flags, watchCommand: `shoal service ps ${names.join(' ')}` });
}

async function orderStack(session: Session, order: Order, stack: string, flags: WaitFlags): Promise<void> {
  if (order !== 'pause') timeoutMsOf(flags);
  const api = session.api();
  const before = (await api.get<Service[] | null>('/services', { filters: stackFilter(stack) })) ?? [];
  const baseline = await lookBefore(api, before);
  const { services, skipped } = await api.post<OrderAnswer>(`/shoal/v1/stacks/${encodeURIComponent(stack)}/orders/${order}`);
  for (const { name } of services) session.out.write(`${name}\n`);
  for (const { reason } of skipped) session.err.write(`note: ${reason}\n`);
  await follow(session, order, { given: await byIds(api, services), baseline, flags, watchCommand: `shoal stack ps ${stack}` });
}

interface Given {
  given: Service[];
  baseline: Awaited<ReturnType<typeof lookBefore>>;
  flags: WaitFlags;
  watchCommand: string;
}

async function follow(session: Session, order: Order, { given, baseline, flags, watchCommand }: Given): Promise<void> {
  if (order === 'pause') return;
  await awaitServices(session, { services: awaited(given), baseline: { ...baseline, awaitsRun: order === 'run-now' }, flags, changed: true, watchCommand, rollsBack: order === 'abort' });
}

function byIds(api: ApiClient, services: { id: string }[]): Promise<Service[]> {
  return listByIds<Service>(api, '/services', 'id', services.map(({ id }) => id));
}
