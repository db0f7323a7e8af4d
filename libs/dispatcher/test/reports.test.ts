import { expect, test } from 'vitest';
import type { TaskState, TaskStatus } from '../../model/src/index.js';
import { aContext, aNode, aTask, viewOf } from '../../model/src/testing/index.js';
import { applyStatuses, nodeLiveness, orphanTasks } from '../src/index.js';

const status = (state: TaskState, error = ''): TaskStatus => ({ state, timestamp: '2024-01-01T00:00:05.000000000Z', message: state, error });
const view = viewOf({
  node: [aNode({ id: 'a' }), aNode({ id: 'b', index: 2 })],
  task: [aTask({ slot: 1, nodeId: 'a', state: 'running' }), aTask({ slot: 2, nodeId: 'b', state: 'running' }), aTask({ slot: 3, nodeId: 'a', state: 'assigned' })],
});
const inWords = (changes: ReturnType<typeof applyStatuses>) => changes.map((change) => (change.action === 'status' ? `${change.id} ${(change.status as TaskStatus).state}` : change.action));

test('an agent speaks for the tasks of its own node only', () => {
  const reports = [1, 2].map((slot) => ({ taskId: `task-${slot}`, status: status('failed') }));
  expect(inWords(applyStatuses(view, 'a', reports))).toEqual(['task-1 failed']);
});

test('tasks move forward only, and what is known is not written again', () => {
  expect(applyStatuses(view, 'a', [{ taskId: 'task-1', status: status('preparing') }])).toEqual([]);
  expect(applyStatuses(view, 'a', [{ taskId: 'task-1', status: view.get('task', 'task-1')!.status }])).toEqual([]);
});

test('what an agent has not accepted yet it has nothing to say about: such a report, overtaken by the end of its node, was taken for a bug', () => {
  expect(applyStatuses(view, 'a', [{ taskId: 'task-3', status: status('assigned') }])).toEqual([]);
});

test('of several reports about a task the furthest is written', () => {
  const reports = (['accepted', 'preparing', 'running', 'starting'] as const).map((state) => ({ taskId: 'task-3', status: status(state) }));
  expect(inWords(applyStatuses(view, 'a', reports))).toEqual(['task-3 running']);
});

test('a task that a full inventory lacks is lost, but only if the node ever knew it', () => {
  const inventory = { nowMs: 0, wasApplied: (taskId: string) => taskId === 'task-1' };
  expect(applyStatuses(view, 'a', [], inventory)).toMatchObject([{ id: 'task-1', status: { state: 'failed', error: 'task: lost: the node no longer knows it' } }]);
});

test('a task that was to stop and is no longer there has stopped', () => {
  const stopping = viewOf({ node: [aNode({ id: 'a' })], task: [aTask({ nodeId: 'a', state: 'running', desiredState: 'remove' })] });
  expect(inWords(applyStatuses(stopping, 'a', [], { nowMs: 0, wasApplied: () => true }))).toEqual(['task-1 shutdown']);
});

test('tasks of a node that has left are orphaned', () => {
  const left = viewOf({ node: [], task: [aTask({ nodeId: 'a', state: 'running' }), aTask({ slot: 2 })] });
  expect(orphanTasks(left, aContext()).changes).toMatchObject([{ id: 'task-1', actor: 'dispatcher', status: { state: 'orphaned' } }]);
});

test('a node is down after three missed beats', () => {
  const beats = { lastBeatMs: new Map([['a', 10_000], ['b', 20_000]]), listeningSinceMs: 0, nowMs: 25_000, periodMs: 5000 };
  const decision = nodeLiveness(view, beats);
  expect(decision.changes).toMatchObject([{ id: 'a', status: { state: 'down', message: 'heartbeat failure' } }]);
  expect(decision.lookAgainAtMs).toBe(35_000);
  expect(decision.sentences).toEqual(['a is down: no beat for 15 s']);
});

test('a manager that has just begun to listen does not call anyone down', () => {
  expect(nodeLiveness(view, { lastBeatMs: new Map(), listeningSinceMs: 24_000, nowMs: 25_000, periodMs: 5000 }).changes).toEqual([]);
});

test('a node that beats again is ready', () => {
  const wasDown = viewOf({ node: [aNode({ id: 'a', status: { state: 'down' } })] });
  expect(nodeLiveness(wasDown, { lastBeatMs: new Map([['a', 24_000]]), listeningSinceMs: 0, nowMs: 25_000, periodMs: 5000 }).sentences).toEqual(['a is ready']);
});

test('a status keeps when the task began to run, also when both come in one report', () => {
  const at = (state: TaskState, second: number) => ({ taskId: 'task-3', status: { ...status(state), timestamp: `2024-01-01T00:00:0${second}.000000000Z` } });
  const [change] = applyStatuses(view, 'a', [at('starting', 4), at('running', 5), at('failed', 7)]);
  expect(change).toMatchObject({ status: { state: 'failed', runningSince: '2024-01-01T00:00:05.000000000Z' } });
  const [unseen] = applyStatuses(view, 'a', [at('failed', 7)]);
  expect(unseen).not.toHaveProperty('status.runningSince');
  const failed = viewOf({ node: [aNode({ id: 'a' })], task: [aTask({ slot: 3, nodeId: 'a', status: (change as { status: TaskStatus }).status })] });
  expect(applyStatuses(failed, 'a', [at('failed', 7)])).toEqual([]);
});
