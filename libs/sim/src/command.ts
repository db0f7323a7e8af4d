import { inventStory, type Story } from './story.js';

const hourMs = 3_600_000;

/** How a person lives this story again: what was invented from its seed, or the part of it that is left. */
export function commandFor(story: Story): string {
  const { chapters } = inventStory(story.seed, story.lengthMs);
  const left = new Set(story.chapters.map((chapter) => JSON.stringify(chapter)));
  const numbers = chapters.flatMap((chapter, number) => (left.has(JSON.stringify(chapter)) ? [number] : []));
  const only = numbers.length < chapters.length ? ` --only ${numbers.length > 0 ? inRanges(numbers) : 'none'}` : '';
  return `npm run sim -- --seed ${story.seed} --hours ${story.lengthMs / hourMs}${only}`;
}

/** The story that a command line names. `only`: numbers of its events from 0 on, such as `0-3,17`, or `none`. */
export function storyFor({ seed, hours, only }: { seed: number; hours: number; only?: string | undefined }): Story {
  const story = inventStory(seed, hours * hourMs);
  if (only === undefined) return story;
  const numbers = only === 'none' ? new Set<number>() : fromRanges(only);
  return { ...story, chapters: story.chapters.filter((_, number) => numbers.has(number)) };
}

function inRanges(numbers: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last?.to === number - 1) last.to = number;
    else ranges.push({ from: number, to: number });
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

function fromRanges(text: string): Set<number> {
  const numbers = new Set<number>();
  for (const range of text.split(',')) {
    if (!/^\d+(-\d+)?$/.test(range)) throw new Error(`--only names events by number, such as 0-3,17: ${text} does not`);
    const [from, to = from] = range.split('-').map(Number) as [number, number?];
    for (let number = from; number <= to; number++) numbers.add(number);
  }
  return numbers;
}
