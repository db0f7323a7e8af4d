import { parseTimestamp } from '../../base/src/index.js';
import { autoscaleOf, defaults, hasEnded, isWanted, type AutoscaleOptions, type ClusterView, type Service, type Task } from '../../model/src/index.js';

/** What one task uses now. */
export interface TaskLoad {
  /** Processors, on average since the last look. */
  cpus: number;
  memoryBytes: number;
}

/** Another number of replicas, and why. */
export interface Scaling {
  service: Service;
  from: number;
  to: number;
  /** With the figures: `its tasks use 140 % CPU on average, wanted are 70 %`. */
  why: string;
}

/** Use that is this much off what is wanted is as wanted: else the number would never rest. */
const tolerance = 0.1;
/** In one step the number at most doubles, and at most halves. */
const largestStep = 2;

/**
 * How many tasks a service should have for what they use; undefined: as many as it has. It grows as soon as all of its tasks have been
 * measured since they began, and shrinks when it was not changed for the cooldown. Outside of its bounds it goes back into them at once.
 */
export function planScaling(view: ClusterView, service: Service, loadOf: (taskId: string) => TaskLoad | undefined, nowMs: number): Scaling | undefined {
  const options = autoscaleOf(service.spec);
  const { mode, template } = service.spec;
  if (!options || mode.kind !== 'replicated' || service.orders?.stopped) return undefined;
  const from = mode.replicas ?? defaults.replicas;
  const scaling = (to: number, why: string): Scaling | undefined => (to === from ? undefined : { service, from, to, why });
  if (from < options.min || from > options.max) return scaling(clamp(from, options), `${from} is outside of ${options.min} to ${options.max}`);
  if (service.status.update?.state === 'updating' || service.status.update?.state === 'rollback_started') return undefined;
  const loads = loadsOf(view.tasksOfService(service.id), loadOf);
  if (!loads || loads.length !== from) return undefined;
  const wanted = [
    wantedFor('CPU', average(loads, ({ cpus }) => cpus) / ((template.resources?.limits?.nanoCpus ?? 1e9) / 1e9), options.cpuPercent, from),
    wantedFor('memory', average(loads, ({ memoryBytes }) => memoryBytes) / (template.resources?.limits?.memoryBytes ?? Infinity), options.memoryPercent, from),
  ].flatMap((one) => one ?? []);
  const most = wanted.reduce<Wanted | undefined>((a, b) => (a && a.count >= b.count ? a : b), undefined);
  if (!most) return undefined;
  const to = clamp(Math.min(Math.max(most.count, Math.ceil(from / largestStep)), from * largestStep), options);
  if (to < from && nowMs - parseTimestamp(service.updatedAt) < options.cooldownMs) return undefined;
  return scaling(to, most.why);
}

interface Wanted {
  count: number;
  why: string;
}

function wantedFor(what: string, use: number, percent: number | undefined, from: number): Wanted | undefined {
  if (percent === undefined) return undefined;
  const ratio = (use * 100) / percent;
  const count = Math.abs(ratio - 1) <= tolerance ? from : Math.max(1, Math.ceil(from * ratio));
  return { count, why: `its tasks use ${Math.round(use * 100)} % ${what} on average, wanted are ${percent} %` };
}

/** Of all tasks that are wanted; undefined: one does not run yet, or has not been measured. */
function loadsOf(tasks: readonly Task[], loadOf: (taskId: string) => TaskLoad | undefined): TaskLoad[] | undefined {
  const loads: TaskLoad[] = [];
  for (const task of tasks) {
    if (!isWanted(task) || hasEnded(task)) continue;
    const load = task.status.state === 'running' ? loadOf(task.id) : undefined;
    if (!load) return undefined;
    loads.push(load);
  }
  return loads;
}

function average(loads: readonly TaskLoad[], of: (load: TaskLoad) => number): number {
  return loads.reduce((sum, load) => sum + of(load), 0) / loads.length;
}

function clamp(count: number, { min, max }: AutoscaleOptions): number {
  return Math.min(Math.max(count, min), max);
}
