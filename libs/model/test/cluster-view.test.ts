import { expect, test } from 'vitest';
import { aNetwork, aNode, aTask, viewOf } from '../src/testing/index.js';
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

test('what is drafted is seen while it is drafted, and taken back at the end: by the view, its groups and its indexes', () => {
  const view = viewOf({ node: [aNode({ id: 'a' })], task: [aTask({ id: 't1', serviceId: 's', nodeId: 'a' })] });
  const counts = { tasks: 0, takenBack: 0 };
  const index: ViewIndex = {
    changed: (_kind, before, after) => void (counts.tasks += Number(Boolean(after)) - Number(Boolean(before))),
    takenBack: (_kind, before, after) => void ((counts.tasks += Number(Boolean(after)) - Number(Boolean(before))), counts.takenBack++),
  };
  view.index(() => index);
  const before = { tasks: [...view.all('task')], ofService: view.tasksOfService('s'), onNode: view.tasksOnNode('a') };
  const seen = view.drafting((draft) => {
    draft.apply('task', 't2', aTask({ id: 't2', serviceId: 's', nodeId: 'a' }));
    draft.apply('task', 't2', aTask({ id: 't2', serviceId: 's', nodeId: 'b' }));
    draft.apply('task', 't1', undefined);
    draft.revision = 99;
    return { ofService: draft.tasksOfService('s').map(({ id }) => id), onNode: draft.tasksOnNode('a').map(({ id }) => id), tasks: counts.tasks };
  });
  expect(seen).toEqual({ ofService: ['t2'], onNode: [], tasks: 0 });
  expect({ tasks: [...view.all('task')], ofService: view.tasksOfService('s'), onNode: view.tasksOnNode('a') }).toEqual(before);
  expect(counts).toEqual({ tasks: 0, takenBack: 3 });
  expect(view.revision).not.toBe(99);
});

test('a draft that throws is taken back too', () => {
  const view = viewOf({ network: [aNetwork({ id: 'a' })] });
  const fail = () =>
    view.drafting((draft) => {
      draft.apply('network', 'a', undefined);
      throw new Error('not that');
    });
  expect(fail).toThrow('not that');
  expect(view.get('network', 'a')).toBeDefined();
  expect(view.named('network', aNetwork({ id: 'a' }).spec.name)).toBeDefined();
});
