import { describe, expect, test } from 'vitest';
import type { UpdateConfig } from '../../model/src/index.js';
import { aService, aTemplate, obedientAgents, type World } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

function running(replicas: number, update?: UpdateConfig, cpus = 0): World {
  const template = aTemplate(cpus ? { resources: { reservations: { nanoCpus: cpus * 1e9 } } } : {});
  const world = aWorldOf([aService({ replicas, spec: { template, ...(update && { update }) } })]);
  world.settle();
  return world;
}

function drain(world: World, id: string): void {
  world.changeNode(id, (node) => ({ ...node, spec: { ...node.spec, availability: 'drain' } }));
}

const steps = (sentences: readonly string[]) => sentences.filter((sentence) => /^(create|start|shut down|let|remove)/.test(sentence));

describe('a node that is drained', () => {
  test('loses its tasks one after the other, each once its successor is prepared', () => {
    const world = running(6);
    drain(world, 'node-a');
    expect(steps(world.settle())).toEqual([
      'create web.1, prepared only: the one before must go: its node is drained',
      'shut down web.1 on node-a: its node is drained',
      'start web.1 on node-b',
      'create web.4, prepared only: the one before must go: its node is drained',
      'shut down web.4 on node-a: its node is drained',
      'start web.4 on node-c',
    ]);
  });

  test('by as many at once as an update would replace, and in its order', () => {
    const world = running(6, { parallelism: 2, order: 'start-first' });
    drain(world, 'node-a');
    expect(steps(world.settle())).toEqual([
      'create web.1: the one before must go: its node is drained',
      'create web.4: the one before must go: its node is drained',
      'shut down web.1 on node-a: its node is drained',
      'shut down web.4 on node-a: its node is drained',
    ]);
  });

  test('never has more than parallelism slots without a task that runs', () => {
    const world = running(9, { parallelism: 1 });
    drain(world, 'node-a');
    const runningSlots = () => new Set(world.tasks().filter(({ status, desiredState }) => status.state === 'running' && desiredState === 'running').map(({ slot }) => slot)).size;
    let fewest = 9;
    world.agents = (view, context) => {
      fewest = Math.min(fewest, runningSlots());
      return obedientAgents(view, context);
    };
    world.settle();
    expect(fewest).toBe(8);
    expect(world.alive().map(({ nodeId }) => nodeId)).not.toContain('node-a');
  });

  test('is left by tasks that no other node takes, one after the other', () => {
    const world = running(3, { parallelism: 1 }, 4);
    drain(world, 'node-a');
    world.settle();
    expect(world.alive().map(({ nodeId, status }) => `${nodeId || 'nowhere'} ${status.state}`).sort()).toEqual(['node-b running', 'node-c running', 'nowhere pending']);
    drain(world, 'node-b');
    world.settle();
    expect(world.alive().filter(({ nodeId }) => nodeId === '')).toHaveLength(2);
  });
});

describe('a task that was told to make the balance better', () => {
  function evict(world: World, slot: number): void {
    const task = world.newest(slot);
    world.view.apply('task', task.id, { ...task, eviction: { kind: 'rebalance', reason: 'node-c has fewer tasks of web' } });
  }

  test('goes once another takes its place', () => {
    const world = aWorldOf([aService({ replicas: 4 })]);
    const availability = (now: 'active' | 'pause') => world.changeNode('node-c', (node) => ({ ...node, spec: { ...node.spec, availability: now } }));
    availability('pause');
    world.settle();
    availability('active');
    evict(world, 1);
    expect(steps(world.settle())).toEqual([
      'create web.1, prepared only: the one before must go: node-c has fewer tasks of web',
      'shut down web.1 on node-a: node-c has fewer tasks of web',
      'start web.1 on node-c',
    ]);
  });

  test('stays when there is no better place after all', () => {
    const world = running(3, undefined, 4);
    evict(world, 1);
    expect(steps(world.settle())).toEqual([
      'create web.1, prepared only: the one before must go: node-c has fewer tasks of web',
      'let web.1 on node-a stay: no other node takes its successor',
      'shut down web.1: no other node takes it',
    ]);
    expect(world.alive()).toHaveLength(3);
    expect(world.settle()).toEqual([]);
  });
});

test('who was preempted goes at once, and its successor waits with the reason', () => {
  const world = running(1);
  const task = world.newest(1);
  world.view.apply('task', task.id, { ...task, eviction: { kind: 'preemption', reason: 'preempted by db.1 (priority 10), which needs its room on node-a' } });
  expect(steps(world.settle())).toEqual([
    'shut down web.1 on node-a: preempted by db.1 (priority 10), which needs its room on node-a',
    'create web.1: the one before is gone',
  ]);
});
