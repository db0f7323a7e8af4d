import { compareStates, hasEnded, isWanted, taskName, type ClusterView, type Service, type Task } from '../../../../libs/model/src/index.js';
import { explainTask, type NodeVerdict } from '../../../../libs/scheduler/src/index.js';

export interface TaskExplanation {
  id: string;
  name: string;
  service: string;
  state: string;
  /** Why it waits, in one sentence; of a task that has a node, how it stands. */
  summary: string;
  /** Of a task that waits for a node: what each one has against it. */
  nodes: NodeVerdict[];
}

export interface ServiceExplanation {
  service: string;
  /** Tasks that wait for a node; those that wait for the same reasons together. */
  waiting: { tasks: string[]; summary: string; nodes: NodeVerdict[] }[];
  /** Tasks that have one. */
  placed: number;
}

/** More kinds of waiting tasks than this tell nothing new. */
const maxExplained = 50;

export function explainOne(view: ClusterView, task: Task): TaskExplanation {
  return { id: task.id, name: taskName(task), service: task.serviceName, state: task.status.state, ...explainTask(view, task) };
}

export function explainService(view: ClusterView, { id, spec }: Service): ServiceExplanation {
  const alive = view.tasksOfService(id).filter((task) => isWanted(task) && !hasEnded(task));
  const waiting = alive.filter(({ status }) => compareStates(status.state, 'assigned') < 0).sort((a, b) => a.slot - b.slot);
  const groups = new Map<string, Task[]>();
  for (const task of waiting) {
    const key = `${task.templateVersion} ${task.status.error}`;
    groups.set(key, [...(groups.get(key) ?? []), task]);
  }
  return {
    service: spec.name,
    waiting: [...groups.values()].slice(0, maxExplained).map((tasks) => ({ tasks: tasks.map(taskName), ...explainTask(view, tasks[0]!) })),
    placed: alive.length - waiting.length,
  };
}
