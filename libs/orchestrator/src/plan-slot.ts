import { parseTimestamp } from '../../base/src/index.js';
import { byAge, compareStates, endedByItself, runningSinceOf, type ClusterView, type DecisionContext, type Service, type Task } from '../../model/src/index.js';
import { draftTask, lookAgainAt, type ServiceDecision } from './decision.js';
import { whyMove } from './moves.js';
import { crashesInARow, restartDelayMs, shouldRestart } from './restart.js';
import { isOutdated, mustLeaveNode, newestOf, type Slot, type SlotState } from './slot.js';
import { couldTakePlace, isUnplaceable } from './take-place.js';
import { walkOf } from './walk.js';

export interface SlotContext extends DecisionContext {
  view: ClusterView;
  service: Service;
  /** The rolling update lets this slot go to the current version now. */
  mayUpdate: boolean;
  /** It may go to another node now, if it has to. */
  mayMove: boolean;
  /** A new task has somewhere to go (a global service's node is ready and active). */
  mayCreate: boolean;
}

/**
 * One slot, one step further. The order within a slot is always the same, whatever the reason to replace a task:
 *
 * - start-first: the new task runs, through the monitor period if it is an update, then the old one is shut down;
 * - stop-first: the new task is prepared, then the old one is shut down, then the new one starts. So neither a slow pull
 *   nor an image that does not exist costs the service anything.
 */
export function planSlot(slot: Slot, state: SlotState, context: SlotContext, decision: ServiceDecision): void {
  for (const task of state.lost) decision.shutdown.push({ task, why: 'its node is down' });
  for (const task of state.ended) decision.shutdown.push({ task, why: `it is ${task.status.state}` });
  const [keeper, ...duplicates] = [...state.arriving].sort(furthestFirst);
  for (const task of duplicates) decision.shutdown.push({ task, why: 'its slot has two tasks' });
  const { incumbent, superseded } = chooseIncumbent(state.leaving);
  for (const task of superseded) decision.shutdown.push({ task, why: task.eviction?.kind === 'preemption' ? task.eviction.reason : 'it is superseded' });
  if (keeper) advance(keeper, incumbent, state, context, decision);
  else if (incumbent) replace(slot, incumbent, state, context, decision);
  else if (superseded.length === 0) fillAs(slot, state, context, decision);
}

/** In its version of before a task cannot be prepared ahead: it would count as outdated, and go before it starts. */
function fillAs(slot: Slot, state: SlotState, context: SlotContext, decision: ServiceDecision): void {
  const asBefore = inVersionOf(state.newest, context);
  if (asBefore !== context && state.stopping.length > 0) return;
  fill(slot, state, asBefore, decision);
}

/** While a canary waits, what is not part of it comes back as what it was. */
function inVersionOf(newest: Task | undefined, context: SlotContext): SlotContext {
  const { view, service, mayUpdate } = context;
  if (!newest || service.status.update?.state !== 'canary' || mayUpdate || !isOutdated(service, newest) || !view.templateOf(newest)) return context;
  return { ...context, service: { ...service, templateVersion: newest.templateVersion } };
}

/** Of the tasks that must go, one serves until its successor does. The others, such as those of an update that the next one overtook, go at once; so does who was preempted. */
function chooseIncumbent(leaving: readonly Task[]): { incumbent: Task | undefined; superseded: Task[] } {
  const [incumbent] = leaving.filter((task) => task.desiredState === 'running' && task.eviction?.kind !== 'preemption').sort((a, b) => furthestFirst(a, b) || byAge(b, a));
  return { incumbent, superseded: leaving.filter((task) => task !== incumbent) };
}

function furthestFirst(a: Task, b: Task): number {
  return compareStates(b.status.state, a.status.state);
}

/** The slot has the task it should have: let the one before go, let it start. */
function advance(keeper: Task, incumbent: Task | undefined, { stopping }: SlotState, context: SlotContext, decision: ServiceDecision): void {
  const { view, service, nowMs } = context;
  if (!incumbent) {
    if (keeper.desiredState === 'ready' && stopping.length === 0) decision.start.push(keeper);
  } else if (isUnplaceable(keeper) && mayStay(incumbent, context)) {
    decision.shutdown.push({ task: keeper, why: 'no other node takes it' });
    decision.stay.push({ task: incumbent, why: 'no other node takes its successor' });
  } else if (mayRelease(keeper, incumbent, view)) {
    const untilMs = monitoredUntilMs(keeper, incumbent, service);
    if (untilMs > nowMs) return lookAgainAt(decision, untilMs);
    decision.shutdown.push({ task: incumbent, why: isOutdated(service, incumbent) ? 'it is outdated' : (whyMove(view, incumbent) ?? 'it is replaced') });
  }
}

/** Start-first: what an update replaces stays until the new task has run through the monitor period. What was there before needs no proof: a rollback returns to it at once. */
function monitoredUntilMs(keeper: Task, incumbent: Task, service: Service): number {
  const since = runningSinceOf(keeper.status);
  if (since === undefined || keeper.desiredState !== 'running' || !isOutdated(service, incumbent) || byAge(keeper, incumbent) < 0) return 0;
  return parseTimestamp(since) + walkOf(service).monitorMs;
}

/** It was only to be spread better. */
function mayStay(incumbent: Task, { view, service }: SlotContext): boolean {
  return incumbent.eviction?.kind === 'rebalance' && !isOutdated(service, incumbent) && mustLeaveNode(view, incumbent) === undefined;
}

/** May the task go that serves now? */
function mayRelease(keeper: Task, incumbent: Task, view: ClusterView): boolean {
  if (isUnplaceable(keeper)) return mustLeaveNode(view, incumbent) !== undefined || couldTakePlace(view, keeper, incumbent);
  if (keeper.desiredState === 'running') return keeper.status.state === 'running' && !keeper.status.unready;
  return compareStates(keeper.status.state, 'ready') >= 0;
}

/** Only a task that must go is left: make the one that takes over. */
function replace(slot: Slot, incumbent: Task, { newest, leaving, stopping }: SlotState, context: SlotContext, decision: ServiceDecision): void {
  const reason = whyMove(context.view, incumbent);
  if (reason === undefined ? !context.mayUpdate : !context.mayMove && !context.mayUpdate) return;
  const order = orderOf(context.service);
  // A task that still stops holds what it reserves: three at once is more than anybody has allowed.
  if (order === 'start-first' && leaving.length + stopping.length > 1) return;
  if (newest && endedByItself(newest)) {
    const retryAtMs = parseTimestamp(newest.status.timestamp) + restartDelayMs(context.service, crashesInARow(context.service, newest));
    if (retryAtMs > context.nowMs) return lookAgainAt(decision, retryAtMs);
  }
  const why = reason ? `the one before must go: ${reason}` : 'the one before is outdated';
  create(slot, order === 'start-first' ? 'running' : 'ready', 0, why, context, decision);
}

/** Host ports cannot be held twice on a node, nor an address in a network: such a service always stops first. */
function orderOf(service: Service): 'stop-first' | 'start-first' {
  const hasHostPorts = service.spec.endpoint?.ports.some((port) => port.publishMode === 'host') ?? false;
  return walkOf(service).config.order === 'start-first' && !hasHostPorts && !wantsAddress(service) ? 'start-first' : 'stop-first';
}

/** It asks for one address in a network, which the task that must go may hold. */
function wantsAddress({ spec }: Service): boolean {
  return spec.template.networks.some(({ addresses = [] }) => addresses.length > 0);
}

/** Nothing of the slot is alive. */
function fill(slot: Slot, state: SlotState, context: SlotContext, decision: ServiceDecision): void {
  const { newest } = state;
  const desiredState = state.stopping.length > 0 ? 'ready' : 'running';
  if (!newest) return create(slot, desiredState, 0, 'its slot is empty', context, decision);
  if (!endedByItself(newest)) return create(slot, desiredState, 0, 'the one before is gone', context, decision);
  if (shouldRestart(context.service, slot, newest)) {
    const crashes = crashesInARow(context.service, newest);
    const delayMs = isOutdated(context.service, newest) ? 0 : restartDelayMs(context.service, crashes);
    const often = crashes > 1 ? `, crashed ${crashes} times in a row` : '';
    const why = `the one before is ${newest.status.state}${often}${delayMs > 0 ? `, starts in ${delayMs / 1000} s` : ''}`;
    return create(slot, desiredState, delayMs > 0 ? context.nowMs + delayMs : 0, why, context, decision);
  }
  if (isOutdated(context.service, newest) && context.mayUpdate) create(slot, desiredState, 0, 'the one before is outdated', context, decision);
}

function create(slot: Slot, desiredState: 'ready' | 'running', startAfterMs: number, why: string, context: SlotContext, decision: ServiceDecision): void {
  if (!context.mayCreate) return;
  const crashesBefore = crashesInARow(context.service, newestOf(context.service, slot));
  const task = draftTask(context.service, { slot: slot.slot, nodeId: slot.nodeId, desiredState, startAfterMs, crashesBefore }, context);
  decision.create.push({ task, why });
}
