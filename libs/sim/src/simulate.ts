import { Life, type Failure } from './life.js';
import type { Story } from './story.js';
import type { Mutation } from './world.js';

export interface Outcome {
  story: Story;
  /** What went wrong first; absent: nothing. */
  failure?: Failure;
  /** Of everything that happened, in order: equal stories have equal hashes. */
  traceHash: string;
  commits: number;
  /** When the cluster had come to rest, ms; after `story.lengthMs`. */
  restedAtMs: number;
  /** What happened last, in words. */
  log: string[];
}

/** Lives a story from the first event to the rest after the last, or to the first broken promise. */
export async function simulate(story: Story, mutation?: Mutation): Promise<Outcome> {
  const life = new Life(story, { mutation });
  await tell(life, story);
  return { story, ...(life.failure && { failure: life.failure }), traceHash: life.traceHash(), commits: life.commits, restedAtMs: life.nowMs, log: life.log };
}

async function tell(life: Life, { chapters, lengthMs }: Story): Promise<void> {
  for (const { atMs, event } of chapters) {
    await life.advanceTo(atMs);
    if (life.failure) return;
    life.happen(event);
  }
  await life.advanceTo(lengthMs);
  if (life.failure) return;
  life.repair();
  await life.rest();
}
