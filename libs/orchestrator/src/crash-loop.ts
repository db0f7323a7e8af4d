import { parseTimestamp } from '../../base/src/index.js';
import { byAge, compareStates, isWanted, type ClusterView, type Task } from '../../model/src/index.js';

/** What a task waits for whose slot crashes again and again, in words; undefined for any other. */
export function crashLoop(view: ClusterView, task: Task): string | undefined {
  const { crashesBefore = 0, slot, nodeId, startAfterMs, createdAt } = task;
  if (crashesBefore < 2 || !isWanted(task) || compareStates(task.status.state, 'starting') >= 0) return undefined;
  const isOfSlot = (other: Task) => other.slot === slot && (slot !== 0 || other.nodeId === nodeId) && byAge(other, task) < 0;
  const last = view.tasksOfService(task.serviceId).filter(isOfSlot).sort(byAge).at(-1);
  const how = last?.status.error || last?.status.message || 'the task before failed';
  const waitMs = startAfterMs - parseTimestamp(createdAt);
  const when = waitMs > 0 ? `restarts after ${Math.round(waitMs / 1000)} s` : 'restarts';
  return `crash-looping: ${how}; ${when}, ${ordinal(crashesBefore)} time in a row`;
}

function ordinal(count: number): string {
  const teen = count % 100 >= 11 && count % 100 <= 13;
  return `${count}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th')}`;
}
