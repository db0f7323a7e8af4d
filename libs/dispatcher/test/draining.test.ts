import { expect, test } from 'vitest';
import type { AssignmentItem } from '../../model/src/index.js';
import { aNetwork, aNode, aService, aTask, viewOf, type TaskParts } from '../../model/src/testing/index.js';
import { assignmentSet, drainCapMs, Draining, lingerMs, type Follower } from '../src/index.js';

const serving: TaskParts = { nodeId: 'a', state: 'running', networks: [{ networkId: 'webnet', address: '10.0.0.3', aliases: [] }] };

function view(parts: TaskParts = {}, services = true) {
  return viewOf({
    node: [aNode({ id: 'a' }), aNode({ id: 'b' })],
    network: [aNetwork({ id: 'webnet' })],
    service: services ? [aService()] : [],
    task: [aTask({ ...serving, ...parts })],
  });
}

function item(parts: TaskParts = {}): AssignmentItem {
  return assignmentSet(view(parts), 'a', () => '').get('task/task-1')!;
}

class Node implements Follower {
  sentVersion = 1;
  appliedVersion = 1;
  isOpen = true;
  knowsService(): boolean {
    return true;
  }
}

test('a serving task is told to stop once every node has applied that it drains', () => {
  const draining = new Draining();
  const [one, other] = [new Node(), new Node()];
  const stopping = { desiredState: 'shutdown' as const };
  expect(draining.holds(view(stopping), item(), item(stopping), 0)).toBe(true);
  one.sentVersion = other.sentVersion = 2;
  draining.sent([one, other]);
  expect(draining.settle(view(stopping), 0)).toEqual({ released: false, lookAgainInMs: drainCapMs });
  one.appliedVersion = 2;
  expect(draining.settle(view(stopping), 10).released).toBe(false);
  other.appliedVersion = 2;
  expect(draining.settle(view(stopping), 20)).toEqual({ released: false, lookAgainInMs: lingerMs });
  expect(draining.holds(view(stopping), item(), item(stopping), 20)).toBe(true);
  expect(draining.settle(view(stopping), 20 + lingerMs)).toEqual({ released: true });
  expect(draining.holds(view(stopping), item(), item(stopping), 20 + lingerMs)).toBe(false);
});

test('nobody waits for a node that has gone, nor longer than the cap', () => {
  const draining = new Draining();
  const [gone, silent] = [new Node(), new Node()];
  const stopping = { desiredState: 'shutdown' as const };
  draining.holds(view(stopping), item(), item(stopping), 0);
  gone.sentVersion = 2;
  silent.sentVersion = 2;
  draining.sent([gone, silent]);
  gone.isOpen = false;
  expect(draining.settle(view(stopping), drainCapMs - 1)).toEqual({ released: false, lookAgainInMs: 1 });
  expect(draining.settle(view(stopping), drainCapMs).released).toBe(true);
});

test('what serves nobody is told at once', () => {
  const stopping = { desiredState: 'shutdown' as const };
  const holds = (parts: TaskParts, services = true) => new Draining().holds(view({ ...parts, ...stopping }, services), item(parts), item({ ...parts, ...stopping }), 0);
  expect(holds({})).toBe(true);
  expect(holds({ networks: [] })).toBe(false);
  expect(holds({ state: 'starting' })).toBe(false);
  expect(holds({}, false)).toBe(false);
  expect(new Draining().holds(view(stopping), undefined, item(stopping), 0)).toBe(false);
  expect(new Draining().holds(view(stopping), item(stopping), item(stopping), 0)).toBe(false);
});
