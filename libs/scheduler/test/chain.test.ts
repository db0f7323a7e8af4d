import { expect, test } from 'vitest';
import { allocateNetworks, allocateServices, allocateTasks } from '../../allocator/src/index.js';
import { aCluster, aNetwork, aNode, anIngressNetwork, aService, aTemplate, obedientAgents, settle, viewOf } from '../../model/src/testing/index.js';
import { orchestrate, reap } from '../../orchestrator/src/index.js';
import { schedule } from '../src/index.js';

const loops = [orchestrate, allocateNetworks, allocateServices, allocateTasks, schedule, reap];

test('a replicated service becomes running tasks with addresses on all nodes', () => {
  const service = aService({
    replicas: 3,
    spec: { template: aTemplate({ networks: [{ target: 'webnet', aliases: ['w'] }] }), endpoint: { ports: [{ targetPort: 80, publishedPort: 4000 }] } },
  });
  const view = viewOf({
    cluster: [aCluster()],
    network: [anIngressNetwork(), aNetwork()],
    node: [aNode(), aNode({ id: 'node-b', index: 2 }), aNode({ id: 'node-c', index: 3 })],
    service: [service],
  });
  expect(settle(view, [...loops, obedientAgents])).toEqual([
    'create web.1: its slot is empty',
    'create web.2: its slot is empty',
    'create web.3: its slot is empty',
    'network webnet gets 10.0.0.0/24, vni 4097',
    'service web has 10.0.0.2 and publishes 4000→80/tcp',
    'web.1 gets 10.0.0.3',
    'web.2 gets 10.0.0.4',
    'web.3 gets 10.0.0.5',
    'place web.1 on node-a',
    'place web.2 on node-b',
    'place web.3 on node-c',
  ]);
  expect([...view.all('task')].map((task) => task.status.state)).toEqual(['running', 'running', 'running']);
});
