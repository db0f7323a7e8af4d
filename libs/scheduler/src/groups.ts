import { placementOptionsOf, type ClusterView, type Task } from '../../model/src/index.js';
import { portKey } from './node-info.js';

/** Tasks of one service version differ in nothing that matters here, but for ports and for nodes that they were born with. */
export function groupsOf(tasks: Iterable<Task>): Task[][] {
  const byService = new Map<string, Task[]>();
  for (const task of tasks) {
    const group = byService.get(task.serviceId);
    if (group) group.push(task);
    else byService.set(task.serviceId, [task]);
  }
  const groups: Task[][] = [];
  for (const group of byService.values()) {
    const [first] = group;
    if (group.every((task) => isAlike(task, first!))) groups.push(group.sort(bySlot));
    else for (const part of splitByKind(group).values()) groups.push(part.sort(bySlot));
  }
  return groups;
}

/** Highest first; equals keep their order. */
export function byPriority(view: ClusterView, groups: Task[][]): Task[][] {
  return groups.sort(([a], [b]) => priorityOf(view, b!) - priorityOf(view, a!));
}

export function priorityOf(view: ClusterView, { serviceId }: Pick<Task, 'serviceId'>): number {
  const service = view.get('service', serviceId);
  return service ? placementOptionsOf(service.spec).priority : 0;
}

/** What tasks of one group have in common. */
export function kindOf(task: Task): string {
  return [task.serviceId, task.templateVersion, task.nodeId !== '', ...task.hostPorts.map((port) => portKey(port.protocol, port.publishedPort ?? 0))].join();
}

function isAlike(a: Task, b: Task): boolean {
  return a.templateVersion === b.templateVersion && (a.nodeId === '') === (b.nodeId === '') && a.hostPorts.length === 0 && b.hostPorts.length === 0;
}

function splitByKind(tasks: readonly Task[]): Map<string, Task[]> {
  const parts = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = kindOf(task);
    const part = parts.get(key);
    if (part) part.push(task);
    else parts.set(key, [task]);
  }
  return parts;
}

function bySlot(a: Task, b: Task): number {
  return a.slot - b.slot;
}
