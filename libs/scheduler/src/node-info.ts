import { parseTimestamp } from '../../base/src/index.js';
import { compareStates, endedByItself, hasEnded, isWanted, type GenericResource, type Node, type PortConfig, type Protocol, type ResourceReservations, type Task } from '../../model/src/index.js';

/** Failures of one service version within this time count against a node. */
const failureWindowMs = 5 * 60_000;
/** Reserved shares that differ by less than this are the same: then the number of tasks decides. */
const shareSteps = 32;

/** What tasks of one node hold. Tasks that are to stop hold it until they have, but are not counted any more. */
export interface Holding {
  reservations: ResourceReservations;
  hostPorts: readonly PortConfig[];
  counts: boolean;
}

/** One node with what its tasks hold. */
export class NodeInfo {
  /** Tasks that are to stay. */
  tasks = 0;
  freeNanoCpus = 0;
  freeMemoryBytes = 0;
  readonly #usedGeneric = new Map<string, number>();
  /** How many tasks hold a host-mode port: a stopping one may hold one that its successor got. */
  readonly #hostPorts = new Map<string, number>();
  /** When tasks of a service version failed here, by `serviceId.version`. */
  readonly #failures = new Map<string, number[]>();
  #node!: Node;
  #nanoCpus = 0;
  #memoryBytes = 0;
  /** NaN: to be computed. */
  #load = NaN;

  constructor(
    node: Node,
    /** Its number in arrays of nodes; no two nodes of a table have the same. */
    readonly ordinal: number,
  ) {
    this.node = node;
  }

  get node(): Node {
    return this.#node;
  }

  set node(node: Node) {
    const { nanoCpus = 0, memoryBytes = 0 } = node.status.description ?? {};
    this.freeNanoCpus += nanoCpus - this.#nanoCpus;
    this.freeMemoryBytes += memoryBytes - this.#memoryBytes;
    this.#nanoCpus = nanoCpus;
    this.#memoryBytes = memoryBytes;
    this.#node = node;
    this.#load = NaN;
  }

  freeGeneric(kind: string): number {
    return this.totalGeneric(kind) - (this.#usedGeneric.get(kind) ?? 0);
  }

  totalGeneric(kind: string): number {
    let total = 0;
    for (const resource of this.node.status.description?.generic ?? []) if (resource.kind === kind) total += resource.value;
    return total;
  }

  hasHostPort(key: string): boolean {
    return this.#hostPorts.has(key);
  }

  hold(holding: Holding): void {
    this.#change(holding, 1);
  }

  release(holding: Holding): void {
    this.#change(holding, -1);
  }

  countFailure(task: Task): void {
    const key = versionKey(task);
    this.#failures.set(key, [...(this.#failures.get(key) ?? []), parseTimestamp(task.status.timestamp)]);
  }

  forgetFailure(task: Task): void {
    const key = versionKey(task);
    const times = this.#failures.get(key) ?? [];
    const at = times.indexOf(parseTimestamp(task.status.timestamp));
    if (at < 0) return;
    if (times.length === 1) this.#failures.delete(key);
    else this.#failures.set(key, times.toSpliced(at, 1));
  }

  recentFailures(version: { serviceId: string; templateVersion: number }, nowMs: number): number {
    if (this.#failures.size === 0) return 0;
    return this.#failures.get(versionKey(version))?.filter((atMs) => nowMs - atMs < failureWindowMs).length ?? 0;
  }

  /** Orders nodes that are alike in all that concerns the service: by reserved share, then by tasks, then by index. No two nodes have the same. */
  get load(): number {
    if (Number.isNaN(this.#load)) this.#load = (Math.round(this.share * shareSteps) * 1e7 + this.tasks) * 65_536 + this.node.index;
    return this.#load;
  }

  /** How much of it is reserved, 0 to 1: the scarcer of CPU and memory. */
  get share(): number {
    if (this.#nanoCpus === 0 || this.#memoryBytes === 0) return 1;
    return 1 - Math.min(this.freeNanoCpus / this.#nanoCpus, this.freeMemoryBytes / this.#memoryBytes);
  }

  #change({ reservations, hostPorts, counts }: Holding, sign: 1 | -1): void {
    this.freeNanoCpus -= sign * (reservations.nanoCpus ?? 0);
    this.freeMemoryBytes -= sign * (reservations.memoryBytes ?? 0);
    if (reservations.generic) for (const { kind, value } of countGeneric(reservations.generic)) addTo(this.#usedGeneric, kind, sign * value);
    for (const port of hostPorts) if (port.publishedPort) addTo(this.#hostPorts, portKey(port.protocol, port.publishedPort), sign);
    if (counts) this.tasks += sign;
    this.#load = NaN;
  }
}

/** What a task holds on its node; undefined: nothing. Tasks that still wait for the scheduler's word hold nothing. */
export function holdingOf(task: Task, reservations: ResourceReservations): Holding | undefined {
  return isHere(task) ? { reservations, hostPorts: task.hostPorts, counts: isWanted(task) } : undefined;
}

/** A task that is on its node, and is to stay. */
export function isCounted(task: Task): boolean {
  return isHere(task) && isWanted(task);
}

function isHere(task: Task): boolean {
  return !hasEnded(task) && compareStates(task.status.state, 'assigned') >= 0;
}

export function hasFailed(task: Task): boolean {
  return endedByItself(task) && task.status.state !== 'complete';
}

export function portKey(protocol: Protocol | undefined, port: number): string {
  return `${protocol ?? 'tcp'}/${port}`;
}

/** Generic resources by kind; a named one counts as one. */
export function countGeneric(generic: readonly GenericResource[] | undefined): { kind: string; value: number }[] {
  const counts = new Map<string, number>();
  for (const resource of generic ?? []) addTo(counts, resource.kind, 'value' in resource ? resource.value : 1);
  return [...counts].map(([kind, value]) => ({ kind, value }));
}

/** What came to nothing is forgotten. */
function addTo(counts: Map<string, number>, key: string, difference: number): void {
  const sum = (counts.get(key) ?? 0) + difference;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

function versionKey({ serviceId, templateVersion }: { serviceId: string; templateVersion: number }): string {
  return `${serviceId}.${templateVersion}`;
}
