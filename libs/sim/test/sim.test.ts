import { expect, test, vi } from 'vitest';
import type { Change, ClusterView, DecisionContext, Task } from '../../model/src/index.js';
import { commandFor, inventStory, shrink, simulate, storyInWords, type Mutation, type Outcome } from '../src/index.js';

// Only how much there is to compute counts, not how busy the machine is.
vi.setConfig({ testTimeout: 900_000 });

const hourMs = 3_600_000;
const tellTale = (story: ReturnType<typeof inventStory>) => `again: ${commandFor(story)}\n${storyInWords(story).join('\n')}`;

test.each(Array.from({ length: 10 }, (_, index) => 1 + index * 10))('seeds %i and nine more keep all promises', async (first) => {
  for (let seed = first; seed < first + 10; seed++) {
    const { failure, story } = await simulate(inventStory(seed, 0.03 * hourMs));
    expect(failure, tellTale(story)).toBeUndefined();
  }
});

test('the same story is the same life, to the last commit', async () => {
  const story = inventStory(7, 0.05 * hourMs);
  const [once, again] = [await simulate(story), await simulate(story)];
  expect(again).toEqual(once);
});

/** A decision of one subsystem with another outcome. */
function wrong(subsystem: string, change: (changes: Change[], view: ClusterView, context: DecisionContext) => Change[]): Mutation {
  return {
    subsystem: (original) =>
      original.name !== subsystem
        ? original
        : {
            name: original.name,
            decide: (view, context) => {
              const result = original.decide(view, context);
              return { ...result, changes: change(result.changes, view, context) };
            },
          },
  };
}

function isPlaced(change: Change): change is { action: 'update'; kind: 'task'; object: Task } {
  return change.action === 'update' && change.kind === 'task' && change.object.nodeId !== '';
}

function isCreatedInSlot(change: Change): change is { action: 'create'; kind: 'task'; object: Task } {
  return change.action === 'create' && change.kind === 'task' && change.object.slot > 0;
}

/** Deliberate bugs, and the promise that each breaks. */
const bugs: [string, string, Mutation][] = [
  ['a scheduler that puts everything on one node', 'placement', wrong('scheduler', (changes) => changes.map((change): Change => (isPlaced(change) ? { ...change, object: { ...change.object, nodeId: 'n1' } } : change)))],
  [
    'an allocator that gives one address to all',
    'given once',
    wrong('task-allocator', (changes) =>
      changes.map((change): Change =>
        change.action === 'update' && change.kind === 'task' ? { ...change, object: { ...change.object, networks: change.object.networks.map((network) => ({ ...network, address: '10.9.0.99' })) } } : change,
      ),
    ),
  ],
  [
    'an orchestrator that makes one task too many',
    'slots',
    wrong('orchestrator', (changes, _, { random }) => [...changes, ...changes.filter(isCreatedInSlot).slice(0, 1).map((change): Change => ({ ...change, object: { ...change.object, id: random.id(), slot: 99 } }))]),
  ],
];

/** The first story in which the bug shows. */
async function failedStory(check: string, mutation: Mutation): Promise<Outcome> {
  for (let seed = 1; seed <= 12; seed++) {
    const outcome = await simulate(inventStory(seed, 0.05 * hourMs), mutation);
    if (outcome.failure?.check === check) return outcome;
  }
  throw new Error(`none of twelve stories breaks the promise "${check}"`);
}

test.each(bugs)('%s breaks the promise "%s"', async (_, check, mutation) => {
  expect((await failedStory(check, mutation)).failure?.check).toBe(check);
});

test('a story that breaks a promise is shortened to what breaks it too', async () => {
  const [, check, mutation] = bugs[1]!;
  const failed = await failedStory(check, mutation);
  const shortest = await shrink(failed, { mutation, maxRuns: 20 });
  expect(shortest.story.chapters.length).toBeLessThan(3);
  expect((await simulate(shortest.story, mutation)).failure).toEqual(shortest.failure);
  expect(shortest.failure?.check).toBe(check);
});
