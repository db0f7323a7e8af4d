import { defaults, isWanted, type ClusterView, type DecisionContext, type Service, type Task } from '../../model/src/index.js';
import { emptyDecision, type ServiceDecision } from './decision.js';
import { planMoves } from './moves.js';
import { planSlot } from './plan-slot.js';
import { slotsOf, stateOf, type Slot, type SlotState } from './slot.js';
import { planUpdate } from './update.js';

/** As many slots as replicas: the missing ones are made, the surplus goes, each of the others takes its next step. */
export function planReplicated(view: ClusterView, service: Service, context: DecisionContext): ServiceDecision {
  const decision = emptyDecision();
  const replicas = service.spec.mode.kind === 'replicated' ? (service.spec.mode.replicas ?? defaults.replicas) : defaults.replicas;
  const existing = [...slotsOf(view.tasksOfService(service.id), (task) => String(task.slot)).values()].sort((a, b) => a.slot - b.slot);
  const surplus = new Set(chooseSurplus(view, service, existing, existing.length - replicas));
  for (const slot of surplus) {
    for (const task of slot.tasks) decision.remove.push({ task, why: `scaled down to ${replicas}` });
  }
  const kept = existing.filter((slot) => !surplus.has(slot));
  const states = new Map([...kept, ...missingSlots(kept, replicas)].map((slot) => [slot, stateOf(view, service, slot)]));
  const mayUpdate = planUpdate(view, service, states, context.nowMs, decision);
  const mayMove = planMoves(view, service, states, mayUpdate);
  for (const [slot, state] of states) {
    planSlot(slot, state, { ...context, view, service, mayUpdate: mayUpdate.has(slot), mayMove: mayMove.has(slot), mayCreate: true }, decision);
  }
  return decision;
}

/** The lowest free numbers. */
function missingSlots(kept: readonly Slot[], replicas: number): Slot[] {
  const taken = new Set(kept.map(({ slot }) => slot));
  const missing: Slot[] = [];
  for (let slot = 1; kept.length + missing.length < replicas; slot++) {
    if (!taken.has(slot)) missing.push({ slot, nodeId: '', tasks: [] });
  }
  return missing;
}

/** Which slots go: first those that do not run, then one by one from the node that has most of the service, the youngest there. */
function chooseSurplus(view: ClusterView, service: Service, slots: readonly Slot[], count: number): Slot[] {
  if (count <= 0) return [];
  const states = new Map(slots.map((slot) => [slot, stateOf(view, service, slot)]));
  const idle = slots.filter((slot) => !runningTask(states.get(slot)!)).sort((a, b) => b.slot - a.slot);
  if (idle.length >= count) return idle.slice(0, count);
  return [...idle, ...fromFullestNodes(slots.filter((slot) => !idle.includes(slot)), states, count - idle.length)];
}

function runningTask({ arriving, leaving }: SlotState): Task | undefined {
  return [...arriving, ...leaving].find((task) => task.status.state === 'running' && isWanted(task));
}

function fromFullestNodes(slots: readonly Slot[], states: ReadonlyMap<Slot, SlotState>, count: number): Slot[] {
  const byNode = new Map<string, Slot[]>();
  for (const slot of [...slots].sort((a, b) => a.slot - b.slot)) {
    const { nodeId } = runningTask(states.get(slot)!)!;
    byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), slot]);
  }
  const chosen: Slot[] = [];
  while (chosen.length < count) {
    const fullest = [...byNode.values()].reduce((a, b) => (b.length > a.length || (b.length === a.length && (b.at(-1)?.slot ?? 0) > (a.at(-1)?.slot ?? 0)) ? b : a));
    chosen.push(fullest.pop()!);
  }
  return chosen;
}
