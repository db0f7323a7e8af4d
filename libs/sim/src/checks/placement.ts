import { compareStates, hasEnded, isWanted, satisfiesAll, type ClusterView, type Task } from '../../../model/src/index.js';
import { must, type MakeCheck } from './check.js';
import { outcomeOf } from './outcome.js';

/** Nothing is placed against its filters, as far as the scheduler could know. */
export const placement: MakeCheck = () => ({
  name: 'placement',
  decided({ subsystem, view, changes }) {
    if (subsystem !== 'scheduler' || changes.length === 0) return;
    const after = outcomeOf(view, changes);
    const placed: Task[] = [];
    for (const change of changes) {
      if (change.action !== 'status' || change.kind !== 'task' || change.status.state !== 'assigned') continue;
      const task = after.get('task', change.id)!;
      checkNode(after, task);
      checkMaxReplicas(view, task, placed);
      placed.push(task);
    }
  },
});

function checkNode(view: ClusterView, task: Task): void {
  const node = view.get('node', task.nodeId);
  must(node, () => `task ${task.id} was placed on ${task.nodeId}, which does not exist`);
  must(node.status.state === 'ready', () => `task ${task.id} was placed on ${node.id}, which is ${node.status.state}`);
  must(node.spec.availability === 'active', () => `task ${task.id} was placed on ${node.id}, which is set to ${node.spec.availability}`);
  const constraints = view.templateOf(task)?.placement?.constraints ?? [];
  must(satisfiesAll(node, constraints), () => `task ${task.id} was placed on ${node.id} against ${constraints.join(', ')}`);
}

/** `placed`: before it, by the same decision. Later tasks of another version may know no limit. */
function checkMaxReplicas(before: ClusterView, task: Task, placed: readonly Task[]): void {
  const limit = before.templateOf(task)?.placement?.maxReplicas;
  if (!limit) return;
  const isSibling = (other: Task) => other.serviceId === task.serviceId && other.nodeId === task.nodeId && isWanted(other) && !hasEnded(other);
  const earlier = before.tasksOnNode(task.nodeId).filter((other) => isSibling(other) && compareStates(other.status.state, 'assigned') >= 0).length;
  const count = earlier + placed.filter(isSibling).length + 1;
  must(count <= limit, () => `${count} tasks of ${task.serviceName} are on ${task.nodeId}: at most ${limit} may be`);
}
