import { parseTimestamp, Refused, timestamp } from '../../base/src/index.js';
import type { Change } from './change.js';
import type { ClusterView } from './cluster-view.js';
import { cronOptionsOf } from './cron-options.js';
import type { Service, ServiceOrders } from './objects.js';
import { rollBackChanges, updateServiceChanges } from './service-changes.js';
import { hasEnded, isWanted } from './task-queries.js';

/** What a user can tell a service that is no change of its spec. */
export const serviceOrders = ['pause', 'resume', 'abort', 'promote', 'restart', 'stop', 'start', 'run-now'] as const;
export type ServiceOrder = (typeof serviceOrders)[number];

/** The writes of an order; none when that is so already. `Refused('precondition')` when there is nothing that it could be about. */
export function orderChanges(view: ClusterView, service: Service, order: ServiceOrder, nowMs: number): Change[] {
  switch (order) {
    case 'pause':
      return pause(view, service);
    case 'resume':
      return resume(service, nowMs);
    case 'abort':
      return abort(view, service, nowMs);
    case 'promote':
      return promote(service);
    case 'restart':
      return restart(view, service);
    case 'stop':
      return service.orders?.stopped ? [] : give(service, { ...service.orders, stopped: true });
    case 'start': {
      const { stopped, ...rest } = service.orders ?? {};
      return stopped ? give(service, rest) : [];
    }
    case 'run-now':
      return runNow(view, service, nowMs);
  }
}

/** Is it on its way to another version, whether somebody holds it up or not? */
export function isUpdating(view: ClusterView, service: Service): boolean {
  const { update } = service.status;
  if (update) return update.state !== 'completed' && update.state !== 'rollback_completed';
  // The orchestrator has not looked yet.
  return view.tasksOfService(service.id).some((task) => isWanted(task) && !hasEnded(task) && task.templateVersion !== service.templateVersion);
}

function pause(view: ClusterView, service: Service): Change[] {
  const state = service.status.update?.state;
  if (!isUpdating(view, service) || isJob(service)) throw idle(service, 'pause');
  if (state === 'paused' || state === 'rollback_paused' || service.orders?.paused) return [];
  if (state === 'canary') throw new Refused('precondition', `${service.spec.name}: its canary waits already: promote the update, or abort it`);
  return give(service, { ...service.orders, paused: true });
}

function resume(service: Service, nowMs: number): Change[] {
  const { orders, status: { update } } = service;
  if (update?.state === 'canary') throw new Refused('precondition', `${service.spec.name}: its canary waits to be promoted, or for the update to be aborted`);
  const isHalted = update?.state === 'paused' || update?.state === 'rollback_paused';
  if (!isHalted && !orders?.paused) throw new Refused('precondition', `${service.spec.name}: no update is paused, so there is nothing to resume`);
  const { paused: _paused, ...rest } = orders ?? {};
  const haltedAtMs = update?.haltedAt ? parseTimestamp(update.haltedAt) : 0;
  return give(service, { ...rest, resumedAt: timestamp(Math.max(nowMs, haltedAtMs + 1)) });
}

function abort(view: ClusterView, service: Service, nowMs: number): Change[] {
  const state = service.status.update?.state;
  if (!isUpdating(view, service) || isJob(service)) throw idle(service, 'abort');
  if (state === 'rollback_started' || state === 'rollback_paused') throw new Refused('precondition', `${service.spec.name} is being rolled back already`);
  if (!service.previousSpec) throw new Refused('precondition', `${service.spec.name} has no previous spec to go back to: deploy the version that you want`);
  return rollBackChanges(view, service, { state: 'rollback_started', startedAt: timestamp(nowMs), message: 'update aborted by the user' });
}

function promote(service: Service): Change[] {
  if (service.orders?.promoted) return [];
  const state = service.status.update?.state;
  if (state !== 'canary') throw new Refused('precondition', `${service.spec.name}: no canary waits to be promoted${state === 'updating' ? ': the update has not come so far yet' : ''}`);
  return give(service, { ...service.orders, promoted: true });
}

/** By the rules of an update. Of a job: another run. */
function restart(view: ClusterView, service: Service): Change[] {
  if (service.orders?.stopped) throw new Refused('precondition', `${service.spec.name} is stopped: start it`);
  const { spec } = service;
  return updateServiceChanges(view, service, { ...spec, template: { ...spec.template, forceUpdate: spec.template.forceUpdate + 1 } }, { expect: service.version });
}

/** A run beside the schedule; of a job without one, another run. */
function runNow(view: ClusterView, service: Service, nowMs: number): Change[] {
  const { name } = service.spec;
  const cron = cronOptionsOf(service.spec);
  if (!cron && !isJob(service)) throw new Refused('precondition', `${name} is no job: it runs all the time`);
  if (!cron) return restart(view, service);
  if (service.orders?.stopped) throw new Refused('precondition', `${name} is stopped: start it`);
  if (cron.concurrency === 'forbid' && (service.status.cron?.underWay.length ?? 0) > 0) throw new Refused('precondition', `a run of ${name} is under way, and it forbids a second one beside it (concurrency: forbid)`);
  // A run is known by its time: two of them need two.
  const runAtMs = Math.max(nowMs, (service.status.cron?.run ?? 0) + 1);
  return give(service, { ...service.orders, runAt: timestamp(runAtMs) });
}

function give(service: Service, orders: ServiceOrders): Change[] {
  const { orders: _before, ...rest } = service;
  return [{ action: 'update', kind: 'service', object: Object.keys(orders).length > 0 ? { ...rest, orders } : rest, expect: service.version }];
}

function isJob({ spec }: Service): boolean {
  return spec.mode.kind.endsWith('-job');
}

function idle({ spec }: Service, order: string): Refused {
  return new Refused('precondition', `${spec.name}: no update is under way, so there is nothing to ${order}`);
}
