import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm shuts the task of a drained node down and lets the new one wait for it, whatever the order. */
test('the task of a drained node serves until its successor does, when the service starts first', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s1', { replicas: 1, update: { parallelism: 1, order: 'start-first' } });
  const [old] = cluster.running('s1');
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'availability', node: Number(old!.nodeId.slice(1)) - 1, availability: 'drain' });
  await cluster.until('the old task has ended', (view) => view.get('task', old!.id)?.status.state === 'shutdown');
  const [start, stop] = cluster.momentsOf('s1', began);
  expect(start).toMatchObject({ what: 'started' });
  expect(stop).toMatchObject({ what: 'signalled', task: { id: old!.id }, others: [{ status: { state: 'running' } }] });
});
