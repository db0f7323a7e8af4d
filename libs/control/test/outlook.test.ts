import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../base/src/index.js';
import type { Change, Labels, Node } from '../../model/src/index.js';
import { aCluster, anIngressNetwork, aNode, aService, aTemplate, settle, testEpochMs, viewOf } from '../../model/src/testing/index.js';
import { obedientAgents } from '../../model/src/index.js';
import { outlook, subsystems } from '../src/index.js';

const context = { nowMs: testEpochMs + 1000, random: seededRandom(1) };

function running() {
  const reserving = (cpus: number) => aTemplate({ resources: { reservations: { nanoCpus: cpus * 1e9 } } });
  const view = viewOf({
    cluster: [aCluster()],
    network: [anIngressNetwork()],
    node: [aNode({ id: 'a' }), aNode({ id: 'b', index: 2 }), aNode({ id: 'c', index: 3 })],
    service: [
      aService({ id: 'agent', spec: { mode: { kind: 'global' } } }),
      aService({ id: 'big', replicas: 3, spec: { template: reserving(3) } }),
      aService({ id: 'web', replicas: 3, spec: { template: reserving(0.2) } }),
    ],
  });
  settle(view, [...subsystems.map(({ decide }) => decide), obedientAgents], context);
  return view;
}

const drained = (node: Node): Change => ({ action: 'update', kind: 'node', object: { ...node, spec: { ...node.spec, availability: 'drain' } } });
const down = (node: Node): Change => ({ action: 'status', kind: 'node', id: node.id, status: { ...node.status, state: 'down' } });

describe('what would become of the tasks', () => {
  test('of a node that is drained: some move, some find no room, those of global services are gone', async () => {
    const view = running();
    const before = [...view.all('task')];
    expect(await outlook(view, [drained(view.get('node', 'a')!)], context, () => Promise.resolve())).toEqual({
      moves: [{ service: 'web', task: 'web.1', from: 'a', to: 'b' }],
      pending: [{ service: 'big', task: 'big.1', from: 'a', reason: expect.stringContaining('needs 3 CPU') }],
      gone: [{ service: 'agent', task: 'agent', from: 'a' }],
      complete: true,
    });
    expect([...view.all('task')]).toEqual(before);
  });

  test('of a node that goes down', async () => {
    const view = running();
    const { moves, pending } = await outlook(view, [down(view.get('node', 'c')!)], context, () => Promise.resolve());
    expect(moves).toEqual([{ service: 'web', task: 'web.3', from: 'c', to: 'a' }]);
    expect(pending.map(({ task }) => task)).toEqual(['big.3']);
  });

  test('with labels that evict: a change of nothing changes nothing', async () => {
    const view = running();
    const labels: Labels = { unused: 'x' };
    const node = view.get('node', 'a')!;
    expect(await outlook(view, [{ action: 'update', kind: 'node', object: { ...node, spec: { ...node.spec, labels } } }], context, () => Promise.resolve())).toEqual({ moves: [], pending: [], gone: [], complete: true });
  });
});
