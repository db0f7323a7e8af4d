import { expect, test } from 'vitest';
import { aNetwork, aNode, aService, aTask, viewOf } from '../../model/src/testing/index.js';
import { assignedService } from '../src/endpoints.js';

/** What nodes are told of a service's traffic. */

const network = aNetwork();
const web = aService({ id: 'web', spec: { name: 'web', labels: { 'shoal.weight': 'node.labels.capacity', 'shoal.locality': 'prefer-local', 'shoal.allow': 'api' } } });
const api = aService({ id: 'api', spec: { name: 'api' } });
const nodes = [aNode({ id: 'node-a', index: 1, spec: { labels: { capacity: '7' } } }), aNode({ id: 'node-b', index: 2, spec: { labels: { capacity: 'plenty' } } })];
const task = (id: string, serviceId: string, nodeId: string, address: string, state: 'running' | 'starting' = 'running') =>
  aTask({ id, serviceId, serviceName: serviceId, nodeId, state, networks: [{ networkId: network.id, address, aliases: [] }] });

test('an endpoint has the weight of its node, a service its balance, and those it allows are known before they are ready', () => {
  const tasks = [task('w1', 'web', 'node-a', '10.0.0.11'), task('w2', 'web', 'node-b', '10.0.0.12'), task('a1', 'api', 'node-b', '10.0.0.21', 'starting')];
  const view = viewOf({ node: nodes, network: [network], service: [web, api], task: tasks });
  const assigned = assignedService(view, web);
  expect(assigned.endpoints.map(({ taskId, weight }) => [taskId, weight]).sort()).toEqual([['w1', 7], ['w2', undefined]]);
  expect(assigned.balancing).toEqual({ locality: 'prefer-local' });
  expect(assigned.guard).toEqual({ addresses: ['10.0.0.11', '10.0.0.12'], allow: ['10.0.0.11', '10.0.0.12', '10.0.0.21'] });
  expect(assignedService(view, api)).not.toHaveProperty('guard');
});

test('in a network that denies by default a service answers itself only', () => {
  const closed = aNetwork({ spec: { labels: { 'shoal.default-deny': 'true' } } });
  const view = viewOf({ node: nodes, network: [closed], service: [api], task: [task('a1', 'api', 'node-b', '10.0.0.21')] });
  expect(assignedService(view, api).guard).toEqual({ addresses: ['10.0.0.21'], allow: ['10.0.0.21'] });
});
