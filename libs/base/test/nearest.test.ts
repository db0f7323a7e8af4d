import { expect, test } from 'vitest';
import { nearest } from '../src/index.js';

test.each([
  ['imgae', ['image', 'init'], 'image'],
  ['stop-grace-period', ['stop_grace_period'], 'stop_grace_period'],
  ['Web', ['db', 'web'], 'web'],
  ['wb', ['web'], 'web'],
  ['web', ['api', 'db'], undefined],
  ['', ['web'], undefined],
])('%j is nearest to %j: %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
