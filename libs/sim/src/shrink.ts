import { simulate, type Outcome } from './simulate.js';
import type { Chapter, Story } from './story.js';
import type { Mutation } from './world.js';

/**
 * The shortest story found that breaks the same promise: parts of the events are left out, half of them first, then less
 * (delta debugging), until none can be spared or `maxRuns` simulations have been made.
 */
export async function shrink(failed: Outcome, { maxRuns = 150, mutation }: { maxRuns?: number; mutation?: Mutation } = {}): Promise<Outcome> {
  let best = upToFailure(failed);
  let runs = 0;
  const attempt = async (chapters: Chapter[]): Promise<boolean> => {
    runs++;
    const outcome = await simulate({ ...best.story, chapters }, mutation);
    if (outcome.failure?.check !== failed.failure?.check) return false;
    best = upToFailure(outcome);
    return true;
  };
  for (let parts = 2; parts <= 2 * best.story.chapters.length && runs < maxRuns; ) {
    const { chapters } = best.story;
    const size = Math.ceil(chapters.length / parts);
    let spared = false;
    for (let from = 0; from < chapters.length && runs < maxRuns && !spared; from += size) {
      spared = await attempt([...chapters.slice(0, from), ...chapters.slice(from + size)]);
    }
    parts = spared ? Math.max(2, parts - 1) : parts * 2;
  }
  return best;
}

/** What comes after the failure has no part in it. */
function upToFailure(outcome: Outcome): Outcome {
  const story: Story = { ...outcome.story, chapters: outcome.story.chapters.filter(({ atMs }) => atMs <= outcome.failure!.atMs) };
  return { ...outcome, story };
}
