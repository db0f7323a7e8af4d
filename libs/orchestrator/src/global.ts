import { isWanted, satisfiesAll, type ClusterView, type DecisionContext, type Node, type Service } from '../../model/src/index.js';
import { emptyDecision, type ServiceDecision } from './decision.js';
import { planSlot } from './plan-slot.js';
import { slotsOf, stateOf, type Slot } from './slot.js';
import { planUpdate } from './update.js';

/** One task on every node that is ready, active and satisfies the constraints. */
export function planGlobal(view: ClusterView, service: Service, context: DecisionContext): ServiceDecision {
  const decision = emptyDecision();
  const slots = slotsOf(view.tasksOfService(service.id), (task) => task.nodeId);
  const kept: Slot[] = [];
  for (const node of view.all('node')) {
    const slot = slots.get(node.id) ?? { slot: 0, nodeId: node.id, tasks: [] };
    const reason = whyNotHere(node, service);
    if (reason === undefined) kept.push(slot);
    else for (const task of slot.tasks.filter(isWanted)) decision.remove.push({ task, why: reason });
  }
  for (const [nodeId, slot] of slots) {
    if (!view.get('node', nodeId)) for (const task of slot.tasks.filter(isWanted)) decision.shutdown.push({ task, why: 'its node is gone' });
  }
  const states = new Map(kept.map((slot) => [slot, stateOf(view, service, slot)]));
  const updatable = new Map([...states].filter(([slot]) => takesNewTasks(view.get('node', slot.nodeId)!)));
  const mayUpdate = planUpdate(view, service, updatable, context.nowMs, decision);
  for (const [slot, state] of states) {
    planSlot(slot, state, { ...context, view, service, mayUpdate: mayUpdate.has(slot), mayMove: true, mayCreate: updatable.has(slot) }, decision);
  }
  return decision;
}

export function takesNewTasks(node: Node): boolean {
  return node.status.state === 'ready' && node.spec.availability === 'active';
}

function whyNotHere(node: Node, service: Service): string | undefined {
  if (node.spec.availability === 'drain') return 'its node is drained';
  if (!satisfiesAll(node, service.spec.template.placement?.constraints ?? [])) return 'its node does not satisfy the placement constraints';
  return undefined;
}
