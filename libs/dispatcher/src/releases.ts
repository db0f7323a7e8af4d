import { hasEnded, type ClusterView, type Kind, type Kinds, type Revision, type Service, type Task, type ViewIndex } from '../../model/src/index.js';

/** When an address was last given up: nodes that know an older state may still send to whoever had it. */
export class Releases implements ViewIndex {
  /** The last one was given up after this revision. */
  lastAfter: Revision;

  constructor(private readonly view: ClusterView) {
    this.lastAfter = view.revision;
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    const released =
      (kind === 'task' && releasesTask(before as Task | undefined, after as Task | undefined)) ||
      (kind === 'service' && (before as Service | undefined)?.status.virtualIps !== (after as Service | undefined)?.status.virtualIps && Boolean((before as Service | undefined)?.status.virtualIps.length));
    if (released) this.lastAfter = this.view.revision;
  }

  /** What a draft held nobody has ever known. */
  takenBack(): void {}
}

function releasesTask(before: Task | undefined, after: Task | undefined): boolean {
  return before !== undefined && !hasEnded(before) && before.networks.length > 0 && (!after || hasEnded(after));
}

/** For `ClusterView.index`. */
export function releases(view: ClusterView): Releases {
  return new Releases(view);
}

/** What one node's network agrees with. */
export interface Agreement {
  readonly nodeId: string;
  /** Its network shows everything up to this revision of the store; undefined: it has been told nothing yet. */
  agreedRevision(nowMs: number): Revision | undefined;
}

/** The revision that the networks of all nodes that live agree with; undefined: one of them may know nothing, or nobody is connected. */
export function commonRevision(view: ClusterView, agreements: Iterable<Agreement>, nowMs: number): Revision | undefined {
  const byNode = new Map([...agreements].map((agreement) => [agreement.nodeId, agreement]));
  let common: Revision | undefined;
  for (const node of view.all('node')) {
    const agreement = byNode.get(node.id);
    if (!agreement && node.status.state !== 'ready') continue;
    const revision = agreement?.agreedRevision(nowMs);
    if (revision === undefined) return undefined;
    common = Math.min(common ?? Infinity, revision);
  }
  return common;
}
