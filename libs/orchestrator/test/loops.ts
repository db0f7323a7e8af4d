import { allocateTasks } from '../../allocator/src/index.js';
import type { Kind, Kinds, Service } from '../../model/src/index.js';
import { aCluster, aNode, anIngressNetwork, World } from '../../model/src/testing/index.js';
import { schedule } from '../../scheduler/src/index.js';
import { orchestrate, reap } from '../src/index.js';

/** Three nodes, the given services, and every loop between a service and its tasks; sentences are the orchestrator's and the reaper's. */
export function aWorldOf(services: Service[], objects: { [K in Kind]?: readonly Kinds[K][] } = {}): World {
  const quiet = [allocateTasks, schedule].map((decide): typeof decide => (view, context) => ({ changes: decide(view, context).changes }));
  return new World([orchestrate, reap, ...quiet], {
    cluster: [aCluster()],
    network: [anIngressNetwork()],
    node: [aNode(), aNode({ id: 'node-b', index: 2 }), aNode({ id: 'node-c', index: 3 })],
    service: services,
    ...objects,
  });
}
