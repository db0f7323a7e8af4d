import { expect, test } from 'vitest';
import { aNetwork, viewOf } from '../src/testing/index.js';
import type { ViewIndex } from '../src/index.js';

test('an index hears of each change once, and not of the removal of what is not there', () => {
  const view = viewOf({ network: [aNetwork({ id: 'a' })] });
  const heard: string[] = [];
  const index: ViewIndex = { changed: (kind, before, after) => void heard.push(`${kind} ${before ? 'was' : 'new'} ${after ? 'is' : 'gone'}`) };
  view.index(() => index);
  view.apply('network', 'a', undefined);
  view.apply('network', 'a', undefined);
  view.apply('network', 'b', aNetwork({ id: 'b' }));
  expect(heard).toEqual(['network was gone', 'network new is']);
});
