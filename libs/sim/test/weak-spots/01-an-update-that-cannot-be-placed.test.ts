import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm's updater waits for the new task without an end. */
test.each(['stop-first', 'start-first'] as const)('an update whose task has no place (%s) ends with the reason, and costs nothing', async (order) => {
  const cluster = await Cluster.of();
  const update = { parallelism: 1, monitorNs: 5e9, order };
  await cluster.run('s1', { update });
  const began = cluster.life.nowMs;
  cluster.deploy('s1', { update, cpus: 5 });
  await cluster.until('the update ends', () => cluster.service('s1').status.update?.state === 'paused', 11 * 60_000);
  expect(cluster.service('s1').status.update?.message).toMatch(/^update paused because nothing has got on for 10m.*: s1\.1 is pending: no suitable node \(insufficient resources on 3 nodes\)/);
  expect(cluster.momentsOf('s1', began)).toEqual([]);
  expect(cluster.running('s1').map(({ templateVersion }) => templateVersion)).toEqual([1, 1, 1]);
});
