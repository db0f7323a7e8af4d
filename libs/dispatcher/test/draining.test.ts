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
  constructor(readonly nodeId = 'a') {}
  sentVersion = 1;
  appliedVersion = 1;
  isOpen = true;
  knowsService(): boolean {
    return true;
  }
}

test('a serving task is told to stop once every node has applied that it drains', () => {
  const draining = new Draining();
  const [one, other] = [new Node('a'), new Node('b')];
  const stopping = { desiredState: 'shutdown' as const };
  expect(draining.holdBack(view(stopping), item(), item(stopping), 0)).toEqual(item());
  one.sentVersion = other.sentVersion = 2;
  draining.sent([one, other]);
  expect(draining.settle(view(stopping), 0)).toEqual({ released: false, lookAgainInMs: drainCapMs });
  one.appliedVersion = 2;
  expect(draining.settle(view(stopping), 10).released).toBe(false);
  other.appliedVersion = 2;
  expect(draining.settle(view(stopping), 20)).toEqual({ released: false, lookAgainInMs: lingerMs });
  expect(draining.holdBack(view(stopping), item(), item(stopping), 20)).toEqual(item());
  expect(draining.settle(view(stopping), 20 + lingerMs)).toEqual({ released: true });
  expect(draining.holdBack(view(stopping), item(), item(stopping), 20 + lingerMs)).toBeUndefined();
});

test('a service may serve its connections for longer, also when a node is silent', () => {
  const slow = (parts: TaskParts = {}) => {
    const slowView = view(parts);
    slowView.apply('service', 'web', aService({ spec: { labels: { 'shoal.drain-delay': '30s' } } }));
    return slowView;
  };
  const stopping = { desiredState: 'shutdown' as const };
  const drain = (silent: boolean) => {
    const draining = new Draining();
    const nodes = [new Node('a'), new Node('b')];
    draining.holdBack(slow(stopping), item(), item(stopping), 0);
    for (const node of nodes) node.sentVersion = 2;
    draining.sent(nodes);
    for (const node of silent ? nodes.slice(1) : nodes) node.appliedVersion = 2;
    return draining;
  };
  expect(drain(false).settle(slow(stopping), 10)).toEqual({ released: false, lookAgainInMs: 30_000 });
  expect(drain(true).settle(slow(stopping), 0)).toEqual({ released: false, lookAgainInMs: drainCapMs + 30_000 - lingerMs });
});

test('nobody waits for a node that has gone, nor longer than the cap', () => {
  const draining = new Draining();
  const [gone, silent] = [new Node('gone'), new Node('b')];
  const stopping = { desiredState: 'shutdown' as const };
  draining.holdBack(view(stopping), item(), item(stopping), 0);
  gone.sentVersion = 2;
  silent.sentVersion = 2;
  draining.sent([gone, silent]);
  gone.isOpen = false;
  expect(draining.settle(view(stopping), drainCapMs - 1)).toEqual({ released: false, lookAgainInMs: 1 });
  expect(draining.settle(view(stopping), drainCapMs).released).toBe(true);
});

test('what serves nobody is told at once', () => {
  const stopping = { desiredState: 'shutdown' as const };
  const holds = (parts: TaskParts, services = true) => new Draining().holdBack(view({ ...parts, ...stopping }, services), item(parts), item({ ...parts, ...stopping }), 0) !== undefined;
  expect(holds({})).toBe(true);
  expect(holds({ networks: [] })).toBe(false);
  expect(holds({ state: 'starting' })).toBe(false);
  expect(holds({}, false)).toBe(false);
  expect(new Draining().holdBack(view(stopping), item(stopping), item(stopping), 0)).toBeUndefined();
});

test('a session that is new holds a serving task too: nobody knows what the leader before has told', () => {
  const draining = new Draining();
  const stopping = { desiredState: 'shutdown' as const };
  expect(draining.holdBack(view(stopping), undefined, item(stopping), 0)).toEqual({ kind: 'task', key: item().key, value: item().value });
  const [one, other] = [new Node('a'), new Node('b')];
  draining.sent([one]);
  expect(draining.settle(view(stopping), 0), 'b lives and has not come yet').toEqual({ released: false, lookAgainInMs: drainCapMs });
  other.appliedVersion = 0;
  draining.sent([one, other]);
  expect(draining.settle(view(stopping), 10).lookAgainInMs).toBe(drainCapMs - 10);
  other.appliedVersion = 1;
  expect(draining.settle(view(stopping), 20)).toEqual({ released: false, lookAgainInMs: lingerMs });
});

test('a node that lost its session while it was waited for is waited for again in the next one', () => {
  const draining = new Draining();
  const stopping = { desiredState: 'shutdown' as const };
  draining.holdBack(view(stopping), item(), item(stopping), 0);
  const [one, lost, next] = [new Node('a'), new Node('b'), new Node('b')];
  draining.sent([one, lost]);
  lost.isOpen = false;
  expect(draining.settle(view(stopping), 10).lookAgainInMs).toBe(drainCapMs - 10);
  draining.sent([one, next]);
  expect(draining.settle(view(stopping), 20)).toEqual({ released: false, lookAgainInMs: lingerMs });
});
