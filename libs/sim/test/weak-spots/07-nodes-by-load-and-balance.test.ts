import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm counts tasks: what they reserve never decides among nodes that fit, and nothing moves when a node joins. */
test('of nodes that fit, tasks go where less is reserved', async () => {
  const cluster = await Cluster.of({ nodes: 2 });
  await cluster.run('s1', { replicas: 1, cpus: 2 });
  const full = cluster.running('s1')[0]!.nodeId;
  for (const name of ['s2', 's3', 's4']) await cluster.run(name, { replicas: 1 });
  expect(['s2', 's3', 's4'].map((name) => cluster.running(name)[0]!.nodeId)).not.toContain(full);
});

test('a service that asks for it is spread to a node that joins, and is never short of a task', async () => {
  const cluster = await Cluster.of({ nodes: 2 });
  await cluster.run('s1', { replicas: 6, update: { parallelism: 1, order: 'start-first' }, labels: { 'shoal.placement.rebalance': 'true' } });
  cluster.happen({ kind: 'add-node' });
  let fewest = 6;
  await cluster.until('the new node has its share', () => {
    fewest = Math.min(fewest, cluster.running('s1').length);
    return cluster.running('s1').filter(({ nodeId }) => nodeId === 'n3').length === 2;
  }, 180_000);
  expect(fewest).toBe(6);
});
