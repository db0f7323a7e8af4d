import { expect, test } from 'vitest';
import { commandFor, inventStory, storyFor } from '../src/index.js';

const story = inventStory(7, 180_000);

/** What a person who copies the command gets. */
function again(command: string) {
  const [, seed, hours, only] = /^npm run sim -- --seed (\d+) --hours ([\d.]+)(?: --only (\S+))?$/.exec(command)!;
  return storyFor({ seed: Number(seed), hours: Number(hours), only });
}

test('the command of a story tells the same story', () => {
  expect(commandFor(story)).toBe('npm run sim -- --seed 7 --hours 0.05');
  expect(again(commandFor(story))).toEqual(story);
});

test('the command of what is left of a story names its events', () => {
  const part = { ...story, chapters: [0, 1, 2, 5].map((number) => story.chapters[number]!) };
  expect(commandFor(part)).toBe('npm run sim -- --seed 7 --hours 0.05 --only 0-2,5');
  expect(again(commandFor(part))).toEqual(part);
  const nothing = { ...story, chapters: [] };
  expect(again(commandFor(nothing))).toEqual(nothing);
});

test('events that are no numbers are refused', () => {
  expect(() => storyFor({ seed: 1, hours: 0.05, only: '3-' })).toThrow('--only names events by number, such as 0-3,17: 3- does not');
});
