import { sameJson } from '../../base/src/index.js';
import { hasEnded, isWanted, type ClusterView, type Kind, type Kinds, type Node, type Service, type Task, type ViewIndex } from '../../model/src/index.js';

/**
 * What of the nodes' assignments may be new, as counts that grow: a node whose counts are what they were has the same assignments.
 * And in which networks services have tasks.
 */
export class AssignmentNews implements ViewIndex {
  /** Of what all nodes' own tasks depend on: files, labels and logins of services, templates. */
  shared = 0;
  /** Of what tasks can reach: networks, services with their endpoints, peers. */
  reach = 0;
  readonly #ofNode = new Map<string, number>();
  /** By service, by network: how many tasks. */
  readonly #networks = new Map<string, Map<string, number>>();

  constructor(view: ClusterView) {
    for (const task of view.all('task')) this.#count(task, 1);
  }

  /** Of the tasks of one node. */
  ofNode(nodeId: string): number {
    return this.#ofNode.get(nodeId) ?? 0;
  }

  /** Networks that tasks of the service have addresses in. */
  networksOf(serviceId: string): Iterable<string> {
    return this.#networks.get(serviceId)?.keys() ?? [];
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (kind === 'task') this.#taskChanged(before as Task | undefined, after as Task | undefined);
    else if (kind === 'node') this.#nodeChanged(before as Node | undefined, after as Node | undefined);
    else if (kind === 'service') this.#serviceChanged(before as Service | undefined, after as Service | undefined);
    else if (kind === 'network' || kind === 'template') this.#everything();
    else if (kind === 'secret' || kind === 'config') this.shared++;
  }

  #taskChanged(before: Task | undefined, after: Task | undefined): void {
    for (const task of [before, after]) if (task && task.nodeId !== '') this.#ofNode.set(task.nodeId, this.ofNode(task.nodeId) + 1);
    if (before?.networks !== after?.networks) {
      if (before) this.#count(before, -1);
      if (after) this.#count(after, 1);
    }
    if (!isSameToOthers(before, after)) this.reach++;
  }

  #nodeChanged(before: Node | undefined, after: Node | undefined): void {
    if (!before || !after || !isSameNodeToOthers(before, after)) this.reach++;
  }

  #serviceChanged(before: Service | undefined, after: Service | undefined): void {
    this.reach++;
    if (before && (!after || before.sealedLogins !== after.sealedLogins || !sameJson(before.spec.labels, after.spec.labels))) this.shared++;
  }

  #everything(): void {
    this.reach++;
    this.shared++;
  }

  #count({ serviceId, networks }: Task, by: 1 | -1): void {
    for (const { networkId } of networks) {
      let counts = this.#networks.get(serviceId);
      if (!counts) this.#networks.set(serviceId, (counts = new Map()));
      const count = (counts.get(networkId) ?? 0) + by;
      if (count > 0) counts.set(networkId, count);
      else counts.delete(networkId);
      if (counts.size === 0) this.#networks.delete(serviceId);
    }
  }
}

/** For `ClusterView.index`. */
export function assignmentNews(view: ClusterView): AssignmentNews {
  return new AssignmentNews(view);
}

/** A task without a network is nobody's endpoint, and nobody's client. */
function isSameToOthers(before: Task | undefined, after: Task | undefined): boolean {
  if (!before || !after) return ((before ?? after)?.networks.length ?? 0) === 0;
  if (before.networks.length === 0 && after.networks.length === 0) return true;
  const runs = after.status.state === 'running';
  if (runs !== (before.status.state === 'running') || (runs && before.status !== after.status)) return false;
  return before.networks === after.networks && before.nodeId === after.nodeId && hasEnded(before) === hasEnded(after) && isWanted(before) === isWanted(after);
}

function isSameNodeToOthers(before: Node, after: Node): boolean {
  return (
    before.index === after.index &&
    before.status.address === after.status.address &&
    before.status.dataPathAddress === after.status.dataPathAddress &&
    (before.status.state === 'down') === (after.status.state === 'down') &&
    sameJson(before.status.encryptionKeys, after.status.encryptionKeys) &&
    sameJson(before.spec.labels, after.spec.labels)
  );
}
