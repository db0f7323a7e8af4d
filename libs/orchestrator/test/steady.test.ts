import { expect, test } from 'vitest';
import { seededRandom } from '../../base/src/index.js';
import type { IndexedView, Task } from '../../model/src/index.js';
import { aNode, aService, aTask, viewOf } from '../../model/src/testing/index.js';
import { orchestrate } from '../src/index.js';
import { steadyServices } from '../src/steady.js';

const context = { nowMs: Date.UTC(2024, 0, 1), random: seededRandom(1) };

function world(): IndexedView {
  const service = aService({ id: 'web' });
  const view = viewOf({ node: [aNode({ id: 'a' })], service: [{ ...service, spec: { ...service.spec, mode: { kind: 'replicated', replicas: 2 } } }] });
  for (const slot of [1, 2]) view.apply('task', `t${slot}`, aTask({ id: `t${slot}`, serviceId: 'web', slot, nodeId: 'a', state: 'assigned' }));
  orchestrate(view, context);
  return view;
}

function change(view: IndexedView, parts: Partial<Task>): boolean {
  view.apply('task', 't1', { ...view.get('task', 't1')!, ...parts });
  return view.index(steadyServices).has('web');
}

test('a service that has its tasks is passed over while they only come further', () => {
  const view = world();
  orchestrate(view, context);
  expect(view.index(steadyServices).has('web')).toBe(true);
  expect(change(view, { status: { state: 'running', timestamp: '', message: 'started', error: '' } })).toBe(true);
});

test.each<[string, Partial<Task>]>([
  ['ends', { status: { state: 'failed', timestamp: '', message: '', error: 'exit status 1' } }],
  ['is told to stop', { desiredState: 'shutdown' }],
  ['waits with a reason', { status: { state: 'pending', timestamp: '', message: '', error: 'no suitable node' } }],
  ['is of another version', { templateVersion: 2 }],
])('it is looked at again when a task %s', (_, parts) => {
  const view = world();
  orchestrate(view, context);
  expect(view.index(steadyServices).has('web')).toBe(true);
  expect(change(view, parts)).toBe(false);
});

test('it is looked at again when a node is drained, dies or leaves', () => {
  const node = aNode({ id: 'a' });
  for (const after of [{ ...node, spec: { ...node.spec, availability: 'drain' as const } }, { ...node, status: { ...node.status, state: 'down' as const } }, undefined]) {
    const view = world();
    orchestrate(view, context);
    view.apply('node', 'a', after);
    expect(view.index(steadyServices).has('web')).toBe(false);
  }
});
