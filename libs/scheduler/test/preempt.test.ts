import { describe, expect, test } from 'vitest';
import type { Task } from '../../model/src/index.js';
import { aNode, aService, aTask, aTemplate, decideOnce, viewOf, type NodeParts } from '../../model/src/testing/index.js';
import { schedule } from '../src/index.js';

/** A service whose tasks reserve so many CPUs each. */
function service(id: string, priority: number, cpus: number) {
  return aService({ id, spec: { labels: { 'shoal.priority': String(priority) }, template: aTemplate({ resources: { reservations: { nanoCpus: cpus * 1e9 } } }) } });
}

function running(serviceId: string, slot: number, nodeId: string, parts: Partial<Task> = {}): Task {
  return aTask({ id: `${serviceId}-${slot}`, serviceId, slot, nodeId, state: 'running', createdAt: `2024-01-01T00:00:0${slot}.000000000Z`, ...parts });
}

const services = [service('high', 10, 2), service('low', 0, 1), service('lower', -5, 1), service('big', 0, 3)];
const waiting = aTask({ id: 'waiting', serviceId: 'high', state: 'pending' });

function decide(nodes: NodeParts[], tasks: Task[]) {
  const view = viewOf({ node: nodes.map((parts, index) => aNode({ index: index + 1, ...parts })), service: services, task: tasks });
  return { view, sentences: decideOnce(view, schedule).sentences! };
}

const a = { id: 'a' };
const b = { id: 'b' };
const evictions = (sentences: readonly string[]) => sentences.filter((sentence) => sentence.startsWith('evict'));

describe('a task of higher priority that finds no room', () => {
  test('evicts the lowest and fewest, and says so on both sides', () => {
    const { view, sentences } = decide([a, b], [
      running('low', 1, 'a'), running('low', 2, 'a'), running('low', 3, 'a'), running('low', 4, 'a'),
      running('low', 5, 'b'), running('low', 6, 'b'), running('lower', 1, 'b'), running('lower', 2, 'b'), waiting,
    ]);
    expect(sentences).toEqual([
      'high.1 waits: no suitable node (insufficient resources on 2 nodes): needs 2 CPU, at most 0 free; tasks of lower priority make room on b',
      'evict lower.1 from b: preempted by high.1 (priority 10), which needs its room on b',
      'evict lower.2 from b: preempted by high.1 (priority 10), which needs its room on b',
    ]);
    expect(view.get('task', 'lower-1')).toMatchObject({ desiredState: 'running', eviction: { kind: 'preemption' } });
  });

  test('takes the node where fewer have to go', () => {
    expect(evictions(decide([a, b], [running('low', 1, 'a'), running('low', 2, 'a'), running('low', 3, 'a'), running('low', 4, 'a'), running('big', 1, 'b'), waiting]).sentences)).toEqual([
      'evict big.1 from b: preempted by high.1 (priority 10), which needs its room on b',
    ]);
  });

  test('spares whom it does not need', () => {
    expect(evictions(decide([a], [running('lower', 1, 'a'), running('big', 1, 'a'), waiting]).sentences)).toEqual(['evict big.1 from a: preempted by high.1 (priority 10), which needs its room on a']);
  });

  test('evicts nobody in vain', () => {
    expect(evictions(decide([{ ...a, description: { nanoCpus: 1e9 } }], [running('low', 1, 'a'), waiting]).sentences)).toEqual([]);
    expect(evictions(decide([{ ...a, spec: { availability: 'pause' } }], [running('low', 1, 'a'), running('low', 2, 'a'), waiting]).sentences)).toEqual([]);
  });

  test('evicts no equals', () => {
    expect(evictions(decide([a], [running('high', 2, 'a'), running('high', 3, 'a'), waiting]).sentences)).toEqual([]);
  });

  test('waits for room that is being made already', () => {
    const stopping = [running('low', 1, 'a', { desiredState: 'shutdown' }), running('low', 2, 'a', { eviction: { kind: 'preemption', reason: '' } })];
    expect(evictions(decide([a], [...stopping, running('low', 3, 'a'), running('low', 4, 'a'), waiting]).sentences)).toEqual([]);
  });

  test('keeps it free until it is enough: others get none of it', () => {
    const slow = running('low', 1, 'a', { desiredState: 'shutdown' });
    const gone = running('low', 2, 'a', { desiredState: 'shutdown', status: { state: 'shutdown', timestamp: '', message: '', error: '' } });
    const next = aTask({ id: 'next', serviceId: 'low', slot: 2, state: 'pending' });
    const { view, sentences } = decide([a], [slow, gone, running('high', 7, 'a'), next, waiting]);
    expect(sentences.filter((sentence) => sentence.startsWith('place'))).toEqual([]);
    expect(evictions(sentences)).toEqual([]);
    view.apply('task', 'waiting', undefined);
    expect(decideOnce(view, schedule).sentences).toEqual(['place low.2 on a']);
  });

  test('two of them do not count on the same room', () => {
    const second = aTask({ id: 'second', serviceId: 'high', slot: 2, state: 'pending' });
    const { view, sentences } = decide([a], [running('low', 1, 'a'), running('low', 2, 'a'), running('low', 3, 'a'), running('low', 4, 'a'), waiting, second]);
    expect(evictions(sentences)).toHaveLength(4);
    expect(evictions(decideOnce(view, schedule).sentences!)).toEqual([]);
  });
});

test('of two that wait the one of higher priority gets the room', () => {
  expect(decide([{ ...a, description: { nanoCpus: 2e9 } }], [aTask({ id: 'l', serviceId: 'low', state: 'pending' }), waiting]).sentences[0]).toBe('place high.1 on a');
});
