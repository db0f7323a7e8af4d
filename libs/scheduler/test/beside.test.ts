import { expect, test } from 'vitest';
import type { Task } from '../../model/src/index.js';
import { aNode, aService, aTask, aTemplate, settle, viewOf, type NodeParts } from '../../model/src/testing/index.js';
import { schedule } from '../src/index.js';

/** Tasks that share namespaces of others are placed where those run. */

const joining = aTemplate({ container: { networkMode: 'service:db', pidMode: 'service:cache' } });

function scheduling(tasks: Task[], template = joining, nodes: NodeParts[] = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]) {
  const view = viewOf({
    node: nodes.map((parts, index) => aNode({ index: index + 1, ...parts })),
    service: [aService({ spec: { template } }), ...['db', 'cache'].map((name) => aService({ id: `service-${name}`, spec: { name } }))],
    task: tasks,
  });
  return settle(view, [schedule]);
}

const pending = (slot: number, parts: Partial<Task> = {}) => aTask({ id: `web-${slot}`, slot, state: 'pending', ...parts });
const partner = (name: string, slot: number, nodeId: string, parts: Parameters<typeof aTask>[0] = {}) => aTask({ id: `${name}-${slot}-${nodeId}`, serviceId: `service-${name}`, serviceName: name, slot, nodeId, state: 'running', ...parts });

test('each goes to the node where the tasks of its slot run', () => {
  const tasks = [partner('db', 1, 'b'), partner('cache', 1, 'b'), partner('db', 2, 'c'), partner('cache', 2, 'c'), pending(1), pending(2)];
  expect(scheduling(tasks)).toEqual(['place web.1 on b', 'place web.2 on c']);
});

test('it waits, and says for whom', () => {
  expect(scheduling([partner('db', 1, 'b', { state: 'starting' }), partner('cache', 1, 'b'), pending(1)])).toEqual(['web.1 waits: no suitable node: waits for db.1 to run, whose namespaces it shares']);
  expect(scheduling([partner('db', 1, 'b', { desiredState: 'shutdown' }), partner('cache', 1, 'b'), pending(1)])).toEqual(['web.1 waits: no suitable node: waits for db.1 to run, whose namespaces it shares']);
  expect(scheduling([partner('db', 1, 'a'), partner('cache', 1, 'b'), pending(1)])).toEqual(['web.1 waits: no suitable node: shares namespaces of cache and db, which run on no common node']);
});

test('of a global service any task will do, on the node with the least load; what the node lacks is told', () => {
  const global = ['a', 'b'].flatMap((nodeId) => [partner('db', 0, nodeId), partner('cache', 0, nodeId)]);
  expect(scheduling([...global, partner('cache', 7, 'a'), pending(1)])).toEqual(['place web.1 on b']);
  const greedy = { ...joining, placement: { constraints: ['node.id==c'], preferences: [], platforms: [] } };
  expect(scheduling([...global, pending(1)], greedy)).toEqual(['web.1 waits: no suitable node (scheduling constraints not satisfied on 1 node): wants node.id==c']);
});

test('a task of a global service has to find them on its own node', () => {
  const global = ['a', 'b'].flatMap((nodeId) => [partner('db', 0, nodeId), ...(nodeId === 'a' ? [partner('cache', 0, nodeId)] : [])]);
  const tasks = ['a', 'b'].map((nodeId) => pending(0, { id: `web-${nodeId}`, nodeId }));
  expect(scheduling([...global, ...tasks])).toEqual(['place web.a on a', 'web.b waits: no suitable node: waits for a task of cache on its node to run, whose namespaces it shares']);
});
