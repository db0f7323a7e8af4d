import { expect, test } from 'vitest';
import { compareStates } from '../../../model/src/index.js';
import { Cluster } from './cluster.js';

/** Swarm stops the old task in the batch that creates the new one, so the pull is downtime. */
test('stop-first: no old task is stopped before its successor is pulled and built', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s1');
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'image', service: 's1', image: 'app:2' });
  await cluster.until('the update is complete', () => cluster.service('s1').status.update?.state === 'completed', 120_000);
  const stops = cluster.momentsOf('s1', began).filter(({ what }) => what === 'signalled');
  expect(stops).toHaveLength(3);
  for (const { others } of stops) expect(others.filter(({ status, templateVersion }) => templateVersion === 2 && compareStates(status.state, 'ready') >= 0)).toHaveLength(1);
});

test('an image that is not there costs no task', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s1');
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'image', service: 's1', image: 'absent:1' });
  await cluster.until('the update has failed', () => cluster.service('s1').status.update?.state === 'paused', 120_000);
  expect(cluster.momentsOf('s1', began)).toEqual([]);
  expect(cluster.running('s1')).toHaveLength(3);
});
