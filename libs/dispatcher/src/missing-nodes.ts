import type { ClusterView, Kind, Kinds, Node, Task, ViewIndex } from '../../model/src/index.js';

/** Nodes that tasks are on, and that are no more. */
export class MissingNodes implements ViewIndex {
  readonly ids = new Set<string>();

  constructor(private readonly view: ClusterView) {
    for (const task of view.all('task')) this.#look(task.nodeId);
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (kind === 'node') this.#look(((before ?? after) as Node).id);
    if (kind !== 'task') return;
    const [from, to] = [(before as Task | undefined)?.nodeId, (after as Task | undefined)?.nodeId];
    if (from === to) return;
    if (from !== undefined) this.#look(from);
    if (to !== undefined) this.#look(to);
  }

  #look(nodeId: string): void {
    if (nodeId !== '' && !this.view.get('node', nodeId) && this.view.tasksOnNode(nodeId).length > 0) this.ids.add(nodeId);
    else this.ids.delete(nodeId);
  }
}

/** For `ClusterView.index`. */
export function missingNodes(view: ClusterView): MissingNodes {
  return new MissingNodes(view);
}
