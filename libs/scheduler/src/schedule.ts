import { timestamp } from '../../base/src/index.js';
import { nodeName, taskName, type Change, type Decide, type DecisionContext } from '../../model/src/index.js';
import { planPlacement, type Placement } from './plan-placement.js';

/** Every pending task gets a node, or a status that says why it has none. */
export const schedule: Decide = (view, context) => {
  const placement = planPlacement(view, context.nowMs);
  return { changes: toChanges(placement, context), sentences: toSentences(placement) };
};

function toChanges({ place, wait, evict }: Placement, { nowMs }: DecisionContext): Change[] {
  const changes: Change[] = [];
  const now = timestamp(nowMs);
  for (const { tasks, infos, hostPorts, preassigned } of place) {
    const message = preassigned ? 'scheduler confirmed task can run on preassigned node' : 'scheduler assigned task to node';
    const status = { state: 'assigned', timestamp: now, message, error: '' } as const;
    for (const [index, task] of tasks.entries()) {
      changes.push({ action: 'update', kind: 'task', object: { ...task, nodeId: infos[index]!.node.id, hostPorts: hostPorts[index] ?? [], updatedAt: now }, expect: task.version });
      changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'scheduler', status });
    }
  }
  for (const { task, error } of wait) {
    if (error === task.status.error) continue;
    changes.push({ action: 'status', kind: 'task', id: task.id, actor: 'scheduler', status: { ...task.status, timestamp: now, error } });
  }
  for (const { victim, reason } of evict) {
    changes.push({ action: 'update', kind: 'task', object: { ...victim, eviction: { kind: 'preemption', reason }, updatedAt: now }, expect: victim.version });
  }
  return changes;
}

function toSentences({ place, wait, evict }: Placement): string[] {
  return [
    ...place.flatMap(({ tasks, infos }) => tasks.map((task, index) => `place ${taskName(task)} on ${nodeName(infos[index]!.node)}`)),
    ...wait.filter(({ task, error }) => error !== task.status.error).map(({ task, error }) => `${taskName(task)} waits: ${error}`),
    ...evict.map(({ victim, info, reason }) => `evict ${taskName(victim)} from ${nodeName(info.node)}: ${reason}`),
  ];
}
