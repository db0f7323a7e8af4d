import { parseTimestamp, timestamp } from '../../base/src/index.js';
import { hasEnded, isWanted, nodeName, placementOptionsOf, runningSinceOf, taskName, type Change, type ClusterView, type Decide, type Service, type Task } from '../../model/src/index.js';
import { nodeTable } from './node-table.js';
import { planRebalance, type Move } from './rebalance.js';

/** A service is only looked at when all of its tasks have run for so long: what has just been moved stays for a while. */
const steadyMs = 10_000;
/** And what was told to move and stayed, because nothing could take its place, is tried again. */
const triedInVainMs = 5 * 60_000;

/** Services that ask for it are spread better when they could be, by as many tasks at once as an update replaces. */
export const rebalance: Decide = (view, { nowMs }) => {
  const changes: Change[] = [];
  const sentences: string[] = [];
  let lookAgainAtMs = Infinity;
  for (const id of view.index(nodeTable).rebalancing) {
    const service = view.get('service', id)!;
    const steadyAtMs = steadyFrom(view, service);
    if (steadyAtMs === undefined) continue;
    if (steadyAtMs > nowMs) {
      lookAgainAtMs = Math.min(lookAgainAtMs, steadyAtMs);
      continue;
    }
    const moves = planRebalance(view, [service]).slice(0, (service.spec.update ?? { parallelism: 1 }).parallelism || undefined);
    changes.push(...evictionsOf(moves, nowMs));
    sentences.push(...moves.map(({ task, from, to, why }) => `move ${taskName(task)} from ${nodeName(from.node)} to ${nodeName(to.node)}: ${why}`));
  }
  return { changes, sentences, ...(lookAgainAtMs < Infinity && { lookAgainAtMs }) };
};

/** The tasks are told to go once another takes their place. */
export function evictionsOf(moves: readonly Move[], nowMs: number): Change[] {
  return moves.map(({ task, why }) => ({ action: 'update', kind: 'task', object: { ...task, eviction: { kind: 'rebalance', reason: `better balance: ${why}` }, updatedAt: timestamp(nowMs) }, expect: task.version }));
}

/** From when on all tasks have run long enough; undefined: some do not run, or are on their way already. */
function steadyFrom(view: ClusterView, service: Service): number | undefined {
  let latest = 0;
  for (const task of view.tasksOfService(service.id)) {
    if (hasEnded(task)) continue;
    const since = runningSinceOf(task.status);
    if (!isWanted(task) || task.eviction || task.status.state !== 'running' || since === undefined) return undefined;
    latest = Math.max(latest, steadyTaskFrom(task, parseTimestamp(since)));
  }
  return placementOptionsOf(service.spec).rebalance ? latest : undefined;
}

/** Of what is wanted of a task that has run for so long nothing changes, but that it shall move, and then may stay. */
function steadyTaskFrom({ updatedAt }: Task, runningSinceMs: number): number {
  const toldAtMs = parseTimestamp(updatedAt);
  return toldAtMs >= runningSinceMs + steadyMs / 2 ? toldAtMs + triedInVainMs : runningSinceMs + steadyMs;
}
