import { parseTimestamp } from '../../base/src/index.js';
import { compareStates, endedByItself, hasEnded, type ClusterView, type GenericResource, type Node, type PortConfig, type Protocol, type ResourceReservations, type Task } from '../../model/src/index.js';

/** Failures of one service version within this time put a node last for it. */
const failureWindowMs = 5 * 60_000;

/** One node as a pass sees it: what is free now, and after each placement of the pass. */
export class NodeInfo {
  freeNanoCpus: number;
  freeMemoryBytes: number;
  readonly freeGeneric = new Map<string, number>();
  tasks = 0;
  /** `tcp/80` of host-mode ports that a task here holds. */
  readonly hostPorts = new Set<string>();
  readonly #tasksOfService = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  constructor(readonly node: Node) {
    const description = node.status.description;
    this.freeNanoCpus = description?.nanoCpus ?? 0;
    this.freeMemoryBytes = description?.memoryBytes ?? 0;
    for (const { kind, value } of description?.generic ?? []) this.freeGeneric.set(kind, (this.freeGeneric.get(kind) ?? 0) + value);
  }

  tasksOf(serviceId: string): number {
    return this.#tasksOfService.get(serviceId) ?? 0;
  }

  failuresOf(serviceId: string, templateVersion: number): number {
    return this.#failures.get(`${serviceId}.${templateVersion}`) ?? 0;
  }

  countFailure(task: Task): void {
    const key = `${task.serviceId}.${task.templateVersion}`;
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1);
  }

  /** The node carries the task from now on. Tasks that are to stop hold their resources until they have, but count no more for the spread. */
  add(task: Pick<Task, 'serviceId' | 'desiredState'>, reservations: ResourceReservations, hostPorts: readonly PortConfig[]): void {
    this.freeNanoCpus -= reservations.nanoCpus ?? 0;
    this.freeMemoryBytes -= reservations.memoryBytes ?? 0;
    for (const { kind, value } of countGeneric(reservations.generic)) this.freeGeneric.set(kind, (this.freeGeneric.get(kind) ?? 0) - value);
    for (const port of hostPorts) if (port.publishedPort) this.hostPorts.add(portKey(port.protocol, port.publishedPort));
    if (compareStates(task.desiredState, 'complete') > 0) return;
    this.tasks++;
    this.#tasksOfService.set(task.serviceId, this.tasksOf(task.serviceId) + 1);
  }
}

export function portKey(protocol: Protocol | undefined, port: number): string {
  return `${protocol ?? 'tcp'}/${port}`;
}

/** Generic resources by kind; a named one counts as one. */
export function countGeneric(generic: readonly GenericResource[] | undefined): { kind: string; value: number }[] {
  const counts = new Map<string, number>();
  for (const resource of generic ?? []) counts.set(resource.kind, (counts.get(resource.kind) ?? 0) + ('value' in resource ? resource.value : 1));
  return [...counts].map(([kind, value]) => ({ kind, value }));
}

/** All nodes with what their tasks hold. Tasks that still wait for the scheduler's word hold nothing. */
export function nodeInfos(view: ClusterView, nowMs: number): Map<string, NodeInfo> {
  const infos = new Map<string, NodeInfo>();
  for (const node of view.all('node')) {
    const info = new NodeInfo(node);
    for (const task of view.tasksOnNode(node.id)) {
      if (hasEnded(task)) {
        const failed = endedByItself(task) && task.status.state !== 'complete';
        if (failed && nowMs - parseTimestamp(task.status.timestamp) < failureWindowMs) info.countFailure(task);
      } else if (compareStates(task.status.state, 'assigned') >= 0) {
        info.add(task, view.templateOf(task)?.resources?.reservations ?? {}, task.hostPorts);
      }
    }
    infos.set(node.id, info);
  }
  return infos;
}
