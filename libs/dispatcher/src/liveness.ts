import type { Change, ClusterView, NodeStatus } from '../../model/src/index.js';

/** A node is down after this many periods without a beat. */
const missedBeatsUntilDown = 3;

export interface Beats {
  /** Monotonic time of each node's last message, ms. */
  lastBeatMs: ReadonlyMap<string, number>;
  /** Monotonic time since when this manager has been listening: silence before that is no evidence. */
  listeningSinceMs: number;
  nowMs: number;
  periodMs: number;
}

export interface LivenessDecision {
  changes: Change[];
  /** Monotonic time of the next possible change; absent: no node is alive. */
  lookAgainAtMs?: number;
  sentences: string[];
}

/** Which nodes are to be called ready or down. Only transitions are written; beats stay in memory. */
export function nodeLiveness(view: ClusterView, { lastBeatMs, listeningSinceMs, nowMs, periodMs }: Beats): LivenessDecision {
  const decision: LivenessDecision = { changes: [], sentences: [] };
  for (const node of view.all('node')) {
    const beatMs = lastBeatMs.get(node.id);
    const deadlineMs = Math.max(beatMs ?? -Infinity, listeningSinceMs) + missedBeatsUntilDown * periodMs;
    const isDead = deadlineMs <= nowMs;
    if (!isDead) decision.lookAgainAtMs = Math.min(decision.lookAgainAtMs ?? Infinity, deadlineMs);
    const next = isDead ? down(node.status) : beatMs === undefined ? undefined : ready(node.status);
    if (!next) continue;
    decision.changes.push({ action: 'status', kind: 'node', id: node.id, status: next, actor: 'dispatcher' });
    decision.sentences.push(isDead ? `${node.id} is down: no beat for ${Math.round((nowMs - (deadlineMs - missedBeatsUntilDown * periodMs)) / 1000)} s` : `${node.id} is ready`);
  }
  return decision;
}

function down(status: NodeStatus): NodeStatus | undefined {
  return status.state === 'down' ? undefined : { ...status, state: 'down', message: 'heartbeat failure' };
}

function ready(status: NodeStatus): NodeStatus | undefined {
  return status.state === 'ready' ? undefined : { ...status, state: 'ready', message: '' };
}
