import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm removes the old task once the new one reports RUNNING; the monitor period begins only then (moby#43081). */
test('start-first: a new task that dies within the monitor period has cost no old one', async () => {
  const cluster = await Cluster.of();
  const update = { parallelism: 1, monitorNs: 5e9, order: 'start-first' as const, failureAction: 'rollback' as const };
  await cluster.run('s1', { update });
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'image', service: 's1', image: 'broken:1' });
  await cluster.until('the service is rolled back', () => cluster.service('s1').status.update?.state === 'rollback_completed', 120_000);
  const moments = cluster.momentsOf('s1', began);
  expect(moments.filter(({ what, task }) => what === 'started' && task.templateVersion === 2)).not.toEqual([]);
  expect(moments.filter(({ task }) => task.templateVersion === 1)).toEqual([]);
  expect(cluster.running('s1').map(({ templateVersion }) => templateVersion)).toEqual([1, 1, 1]);
});

test('start-first: a good one replaces the old one after the monitor period', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s1', { replicas: 1, update: { parallelism: 1, monitorNs: 8e9, order: 'start-first' } });
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'image', service: 's1', image: 'app:2' });
  await cluster.until('the update is complete', () => cluster.service('s1').status.update?.state === 'completed', 120_000);
  const [start, stop] = cluster.momentsOf('s1', began);
  expect([start!.what, start!.task.templateVersion, stop!.what, stop!.task.templateVersion]).toEqual(['started', 2, 'signalled', 1]);
  // By the clock of the node, which may be a little off.
  expect(stop!.atMs - start!.atMs).toBeGreaterThan(7_000);
});
