import { describe, expect, test } from 'vitest';
import type { Labels, Mount, Task } from '../../model/src/index.js';
import { aNode, aService, aTask, aTemplate, settle, viewOf, type NodeParts } from '../../model/src/testing/index.js';
import { schedule } from '../src/index.js';

const zone = (id: string, name: string): NodeParts => ({ id, spec: { labels: { zone: name } } });
const nodes = [zone('a', 'east'), zone('b', 'east'), zone('c', 'west')];
const db = (nodeId: string) => aTask({ id: `db-${nodeId}`, serviceId: 'db', nodeId, state: 'running' });
const pending = (count: number, serviceId = 'web') => Array.from({ length: count }, (_, index) => aTask({ id: `${serviceId}-${index + 1}`, serviceId, slot: index + 1, state: 'pending' }));

function decide(labels: Labels, tasks: Task[], ofDb: Labels = {}, mounts: Mount[] = []) {
  const view = viewOf({
    node: nodes.map((parts, index) => aNode({ index: index + 1, ...parts })),
    service: [aService({ spec: { labels, template: aTemplate({ container: { mounts } }) } }), aService({ id: 'db', spec: { labels: ofDb } })],
    task: tasks,
  });
  return settle(view, [schedule]);
}

describe('affinity', () => {
  test('to a service: only on nodes with a task of it', () => {
    expect(decide({ 'shoal.placement.affinity': 'db' }, [db('b'), ...pending(2)])).toEqual(['place web.1 on b', 'place web.2 on b']);
  });

  test('by a label: where its value is the same', () => {
    expect(decide({ 'shoal.placement.affinity': 'db@node.labels.zone' }, [db('b'), ...pending(2)])).toEqual(['place web.1 on a', 'place web.2 on b']);
  });

  test('waits for the first task of the other, and follows it', () => {
    expect(decide({ 'shoal.placement.affinity': 'db' }, [...pending(1), ...pending(1, 'db')])).toEqual([
      'place db.1 on a',
      'web.1 waits: no suitable node (affinity not satisfied on 3 nodes): wants to be beside db',
      'place web.1 on a',
    ]);
  });

  test('to itself: the first one chooses for all', () => {
    expect(decide({ 'shoal.placement.affinity': 'self@node.labels.zone' }, pending(4))).toEqual(['place web.1 on a', 'place web.2 on b', 'place web.3 on a', 'place web.4 on b']);
  });
});

describe('anti-affinity', () => {
  test('to a service keeps both apart, whoever comes second', () => {
    expect(decide({ 'shoal.placement.anti-affinity': 'db' }, [db('a'), ...pending(1)])).toEqual(['place web.1 on b']);
    expect(decide({ 'shoal.placement.anti-affinity': 'db' }, [aTask({ nodeId: 'a', state: 'running' }), ...pending(1, 'db')])).toEqual(['place db.1 on b']);
  });

  test('to itself by a label: one per zone', () => {
    expect(decide({ 'shoal.placement.anti-affinity': 'self@node.labels.zone' }, pending(3))).toEqual([
      'place web.1 on a',
      'place web.2 on c',
      'web.3 waits: no suitable node (affinity not satisfied on 3 nodes): must not be beside web by node.labels.zone',
    ]);
  });
});

describe('local volumes', () => {
  const mounts: Mount[] = [{ type: 'volume', source: 'data', target: '/data' }];
  const ran = (nodeId: string, parts: Partial<Task> = {}) =>
    aTask({ id: 'old', nodeId, desiredState: 'shutdown', ...parts, status: { state: 'shutdown', runningSince: '2024-01-01T00:00:00.000000000Z' } });

  test('the next task of a slot goes where the data of the last one is, whatever the load', () => {
    expect(decide({}, [ran('c'), aTask({ id: 'other', slot: 2, nodeId: 'c', state: 'running' }), ...pending(1)], {}, mounts)).toEqual(['place web.1 on c']);
  });

  test('or waits for it, unless it may leave it', () => {
    const elsewhere = [{ ...ran('a') }, ...pending(1)];
    nodes[0] = { ...zone('a', 'east'), status: { state: 'down', message: 'heartbeat failure' } };
    expect(decide({}, elsewhere, {}, mounts)).toEqual(['web.1 waits: no suitable node (1 node not ready); its volume data is on a']);
    expect(decide({ 'shoal.placement.volumes': 'leave' }, elsewhere, {}, mounts)).toEqual(['place web.1 on b']);
    nodes[0] = zone('a', 'east');
  });

  test('volumes of a network file system bind nobody', () => {
    const nfs: Mount[] = [{ type: 'volume', source: 'data', target: '/data', driver: { name: 'local', options: { type: 'nfs', device: ':/x', o: 'addr=192.0.2.9' } } }];
    expect(decide({}, [ran('c'), ...pending(1)], {}, nfs)).toEqual(['place web.1 on a']);
  });
});

describe('a service that packs', () => {
  test('fills a node before the next', () => {
    const labels = { 'shoal.placement.strategy': 'pack' };
    const template = aTemplate({ resources: { reservations: { nanoCpus: 2e9 } } });
    const view = viewOf({ node: nodes.map((parts, index) => aNode({ index: index + 1, ...parts })), service: [aService({ spec: { labels, template } })], task: pending(5) });
    expect(settle(view, [schedule])).toEqual(['place web.1 on a', 'place web.2 on a', 'place web.3 on b', 'place web.4 on b', 'place web.5 on c']);
  });
});
