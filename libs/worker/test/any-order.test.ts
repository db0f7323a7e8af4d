import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Temporary } from '../../base/src/index.js';
import { compareStates, type AssignedTask, type AssignmentItem, type TaskState } from '../../model/src/index.js';
import { containerIdOf } from '../src/index.js';
import { assigned, OneNode } from './one-node.js';

/**
 * Whatever happens in whatever order, with agents that come and go:
 *
 * 1. no task is started twice, and none that was not wanted to run;
 * 2. a task's reports never go back (an agent that was restarted may repeat what came before its start);
 * 3. every assigned task is in the inventory;
 * 4. what has ended or is assigned no more leaves nothing on the node.
 */

const taskIds = ['task-1', 'task-2', 'task-3'] as const;
const desiredStates = ['ready', 'running', 'shutdown'] as const;

type Step =
  | { do: 'want'; task: string; state: TaskState }
  | { do: 'forget' | 'exit' | 'vanish'; task: string }
  | { do: 'pass'; ms: number }
  | { do: 'restart' | 'crash' | 'mend' }
  | { do: 'break'; what: 'image' | 'create' | 'start' | 'remove' | 'network' | 'never starts' };

const task = fc.constantFrom(...taskIds);
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('want' as const), task, state: fc.constantFrom(...desiredStates) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('forget' as const, 'exit' as const, 'vanish' as const), task }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 100, 3_000, 15_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'crash' as const, 'mend' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), what: fc.constantFrom('image' as const, 'create' as const, 'start' as const, 'remove' as const, 'network' as const, 'never starts' as const) }) },
);

/** A node whose parts fail while they are told to. */
class FragileNode extends OneNode {
  readonly broken = new Set<string>();
  readonly removeByHand = this.runtime.remove.bind(this.runtime);
  readonly wanted = new Map<string, AssignmentItem>();
  readonly gone = new Set<string>();

  constructor() {
    super();
    this.images.ensure = this.#fragile('image', this.images.ensure.bind(this.images));
    this.runtime.create = this.#fragile('create', this.runtime.create.bind(this.runtime));
    const start = this.#fragile('start', this.runtime.start.bind(this.runtime));
    this.runtime.start = (id) => (this.broken.has('never starts') ? new Promise(() => undefined) : start(id));
    this.runtime.remove = this.#fragile('remove', this.runtime.remove.bind(this.runtime));
    this.network.beforeApply = this.#fragile('network', async () => undefined);
    for (const id of taskIds) this.behaviors.set(id, { ignoresSignals: id === 'task-2' });
  }

  #fragile<A extends unknown[], R>(what: string, call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      if (this.broken.has(what)) throw new Temporary(`${what} fails`);
      return call(...args);
    };
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'want': {
        // As the orchestrator has it: what was to stop is never to run again, and what runs not to wait.
        const before = (this.wanted.get(step.task)?.value as AssignedTask | undefined)?.desiredState;
        if (before && compareStates(step.state, before) < 0) return;
        this.wanted.set(step.task, assigned({ id: step.task, slot: taskIds.indexOf(step.task as 'task-1') + 1, desiredState: step.state }));
        return this.assign(...this.wanted.values());
      }
      case 'forget':
        this.gone.add(step.task);
        this.wanted.delete(step.task);
        return this.assign(...this.wanted.values());
      case 'exit':
      case 'vanish': {
        // Of one that only waits it is noticed when it is to start.
        const id = containerIdOf(step.task);
        if ((await this.runtime.status(id))?.state !== 'running') return;
        if (step.do === 'exit') this.runtime.exit(id, { code: 1 });
        else await this.removeByHand(id);
        return this.settle();
      }
      case 'pass':
        return this.clock.advance(step.ms);
      case 'restart':
        return this.restart();
      case 'crash':
        void this.worker.close();
        return this.start();
      case 'break':
        this.broken.add(step.what);
        return;
      case 'mend':
        this.broken.clear();
        return;
    }
  }

}

function expectNoStepBack(states: string[]): void {
  const names = states.map((state) => state.split(':')[0] as TaskState);
  const started = names.indexOf('starting');
  for (let at = Math.max(started, 0) + 1; started >= 0 && at < names.length; at++) expect(compareStates(names[at]!, names[at - 1]!), names.join(' → ')).toBeGreaterThanOrEqual(0);
}

it('keeps its promises whatever happens in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40 }), async (all) => {
      const node = new FragileNode();
      await node.start();
      for (const step of all) {
        if ('task' in step && node.gone.has(step.task)) continue; // ids are never used again
        await node.take(step);
        expect(node.worker.reporter.inventory().map(({ taskId }) => taskId).sort()).toEqual(expect.arrayContaining([...node.wanted.keys()].sort()));
      }
      node.broken.clear();
      await node.clock.advance(120_000);
      for (const id of taskIds) {
        expect(node.calls(id).filter((call) => call === 'start').length).toBeLessThanOrEqual(1);
        expectNoStepBack(node.states(id));
      }
      const alive = [...node.wanted.keys()].filter((id) => ['ready', 'running'].includes(node.state(id)!));
      for (const id of node.wanted.keys()) expect(['ready', 'running', 'shutdown', 'failed', 'rejected', 'complete']).toContain(node.state(id));
      expect((await node.leftovers()).map((line) => line.split(' ')[1]).sort()).toEqual([...alive, ...alive].sort());
      await node.worker.close();
    }),
    { numRuns: 200, seed: 7 },
  );
});
