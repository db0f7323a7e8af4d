import { parseTimestamp } from '../../base/src/index.js';
import { defaults, endedByItself, isWanted, satisfiesAll, templateId, type ClusterView, type Dependency, type Service, type Task } from '../../model/src/index.js';
import { takesNewTasks } from './global.js';
import { jobSize } from './jobs.js';
import { shouldRestart } from './restart.js';
import { newestOf, slotsOf, type Slot } from './slot.js';

/** Why a service has no tasks of its present version yet. */
export interface Wait {
  /** `waits for demo_db to be healthy: 0 of 1` */
  message: string;
  /** It will not end by itself: what is waited for has failed for good. */
  failed: boolean;
}

/**
 * What a service waits for before its present version may begin; undefined: nothing. Once a task of that version was made
 * it waits no more, whatever becomes of those that it depends on: the order is that of starts and updates only. Nor does the
 * way back to what was there before.
 */
export function waitOf(view: ClusterView, service: Service, waiting: readonly string[] = []): Wait | undefined {
  const { dependsOn } = service.spec;
  if (!dependsOn || dependsOn.length === 0 || waiting.includes(service.id)) return undefined;
  if (service.status.update?.state.startsWith('rollback_')) return undefined;
  if (view.tasksOfService(service.id).some((task) => task.templateVersion === service.templateVersion)) return undefined;
  const waits = dependsOn.flatMap((dependency) => waitFor(view, service, dependency, [...waiting, service.id]) ?? []);
  return waits.find(({ failed }) => failed) ?? waits[0];
}

function waitFor(view: ClusterView, service: Service, { service: name, condition, optional }: Dependency, waiting: readonly string[]): Wait | undefined {
  const other = view.named('service', name);
  if (!other) return optional ? undefined : { message: `waits for ${name}, which does not exist`, failed: true };
  const failure = failureOf(view, service, other, condition, waiting);
  if (failure !== undefined) return optional ? undefined : { message: `waits for ${name}, which ${failure}`, failed: true };
  const { done, wanted } = progressOf(view, other, condition);
  return done >= wanted ? undefined : { message: `waits for ${name} ${words[condition]}: ${done} of ${wanted}`, failed: false };
}

const words: Record<Dependency['condition'], string> = {
  service_started: 'to be started',
  service_healthy: 'to be healthy',
  service_completed_successfully: 'to complete',
};

/** How many of the tasks that the other should have, at its present version, have come so far. */
function progressOf(view: ClusterView, other: Service, condition: Dependency['condition']): { done: number; wanted: number } {
  const current = view.tasksOfService(other.id).filter((task) => task.templateVersion === other.templateVersion && task.desiredState !== 'remove');
  const slots = slotsOf(current, slotKeyOf(other));
  const done = [...slots.values()].filter(({ tasks }) => tasks.some((task) => hasReached(task, condition))).length;
  return { done, wanted: wantedSlots(view, other) };
}

function hasReached(task: Task, condition: Dependency['condition']): boolean {
  const { state, container } = task.status;
  if (condition === 'service_completed_successfully') return state === 'complete';
  if (condition === 'service_healthy') return state === 'running' && isWanted(task);
  return state === 'complete' || (isWanted(task) && (state === 'running' || (state === 'starting' && (container?.pid ?? 0) > 0)));
}

function wantedSlots(view: ClusterView, other: Service): number {
  const { mode, template } = other.spec;
  if (mode.kind === 'replicated') return mode.replicas ?? defaults.replicas;
  if (mode.kind === 'replicated-job') return jobSize(other).totalCompletions;
  return [...view.all('node')].filter((node) => takesNewTasks(node) && satisfiesAll(node, template.placement?.constraints ?? [])).length;
}

/** Why the other will never get there unless somebody changes it; undefined: it may. */
function failureOf(view: ClusterView, service: Service, other: Service, condition: Dependency['condition'], waiting: readonly string[]): string | undefined {
  const wait = waitOf(view, other, waiting);
  if (wait?.failed) return wait.message;
  for (const slot of slotsOf(view.tasksOfService(other.id), slotKeyOf(other)).values()) {
    const ended = endForGood(other, slot);
    if (!ended) continue;
    if (ended.status.state !== 'complete') return `failed${howItEnded(ended)}`;
    if (condition === 'service_healthy') return 'has ended instead of serving';
  }
  return updateFailureOf(service, other);
}

/** An update of the other that was given up: for a rollback only if it began after the change that waits for it. */
function updateFailureOf(service: Service, other: Service): string | undefined {
  const { update } = other.status;
  if (update?.state === 'paused') return `is stuck: ${update.message}`;
  const wentBack = update?.state.startsWith('rollback_') && parseTimestamp(update.startedAt) >= parseTimestamp(service.updatedAt);
  return wentBack ? 'was rolled back' : undefined;
}

/** The task of the present version after which the slot gets no other one. */
function endForGood(other: Service, slot: Slot): Task | undefined {
  const newest = newestOf(other, slot);
  const isCurrent = newest?.templateVersion === other.templateVersion;
  return isCurrent && endedByItself(newest) && !shouldRestart(other, slot, newest) ? newest : undefined;
}

function howItEnded({ status }: Task): string {
  const code = status.container?.exitCode;
  if (code !== undefined && code !== 0) return ` with exit status ${code}`;
  return status.error ? `: ${status.error}` : '';
}

function slotKeyOf({ spec: { mode } }: Service): (task: Task) => string {
  return mode.kind.startsWith('global') ? (task) => task.nodeId : (task) => String(task.slot);
}

/**
 * The service as it was before the change that has to wait: so it is kept up meanwhile. Undefined when there is nothing of it.
 * Of several earlier versions the one that most tasks serve.
 */
export function heldBack(view: ClusterView, service: Service): Service | undefined {
  const counts = new Map<number, number>();
  for (const { templateVersion, status, desiredState } of view.tasksOfService(service.id)) {
    if (desiredState === 'remove') continue;
    counts.set(templateVersion, (counts.get(templateVersion) ?? 0) + (status.state === 'running' ? 1000 : 1));
  }
  const [version] = [...counts].sort(([a, most], [b, more]) => more - most || b - a)[0] ?? [];
  const stored = version === undefined ? undefined : view.get('template', templateId(service.id, version));
  return stored && { ...service, templateVersion: version!, spec: { ...service.spec, template: stored.template } };
}
