import { seededRandom, type Random } from '../../../base/src/index.js';
import type { Kind, Kinds } from '../change.js';
import type { IndexedView } from '../cluster-view.js';
import type { Decide } from '../decision.js';
import type { Node, Task } from '../objects.js';
import { updateServiceChanges } from '../service-changes.js';
import type { ServiceSpec } from '../service.js';
import { byAge, hasEnded, isWanted } from '../task-queries.js';
import type { TaskState } from '../task-state.js';
import { viewOf } from './builders.js';
import { obedientAgents, report } from '../obedient-agents.js';
import { applyChanges, settle, testEpochMs } from './settle.js';

/** A cluster that obeys the given decisions, with a clock that only the test moves. */
export class World {
  readonly view: IndexedView;
  readonly random: Random;
  nowMs = testEpochMs + 1000;
  /** Without it, tasks stay where the scheduler put them. */
  agents: Decide = obedientAgents;

  constructor(
    readonly decides: readonly Decide[],
    objects: { [K in Kind]?: readonly Kinds[K][] },
    seed = 1,
  ) {
    this.view = viewOf(objects);
    this.random = seededRandom(seed);
  }

  /** Everybody acts until nobody has anything to do. Returns what was done. */
  settle(): string[] {
    return settle(this.view, [...this.decides, this.agents], { nowMs: this.nowMs, random: this.random });
  }

  /** Time passes, then everybody acts. */
  after(ms: number): string[] {
    this.nowMs += ms;
    return this.settle();
  }

  /** As a user does, through the same changes that the API makes. */
  changeService(id: string, change: (spec: ServiceSpec) => ServiceSpec): void {
    const service = this.view.get('service', id)!;
    applyChanges(this.view, updateServiceChanges(this.view, service, change(service.spec)));
  }

  changeNode(id: string, change: (node: Node) => Node): void {
    this.view.apply('node', id, change(this.view.get('node', id)!));
  }

  scale(id: string, replicas: number): void {
    this.changeService(id, (spec) => ({ ...spec, mode: { kind: 'replicated', replicas } }));
  }

  /** A node reports about the newest task of a slot (or of a node, for a global service). */
  report(slot: number | string, state: TaskState, more: { error?: string; exitCode?: number } = {}): void {
    this.nowMs += 1;
    applyChanges(this.view, [report(this.newest(slot), state, this.nowMs, more)]);
  }

  newest(slot: number | string): Task {
    return this.tasks().filter((task) => task.slot === slot || task.nodeId === slot).sort(byAge).at(-1)!;
  }

  tasks(): Task[] {
    return [...this.view.all('task')];
  }

  /** Tasks that are wanted and not over. */
  alive(): Task[] {
    return this.tasks().filter((task) => isWanted(task) && !hasEnded(task));
  }
}
