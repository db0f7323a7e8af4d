import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm's restart delay is the same for ever, and waits though it was the node that failed. */
test('who crashes again and again waits twice as long each time, up to a minute', async () => {
  const cluster = await Cluster.of();
  cluster.deploy('s1', { replicas: 1, image: 'broken:1' });
  await cluster.until('it has started eight times', () => cluster.momentsOf('s1').length === 8, 10 * 60_000);
  const waits = cluster.momentsOf('s1').slice(1).map(({ task }) => Math.round((task.startAfterMs - Date.parse(task.createdAt)) / 1_000));
  expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60]);
  const starts = cluster.momentsOf('s1').map(({ atMs }) => atMs);
  for (const [index, waitS] of waits.entries()) expect(starts[index + 1]! - starts[index]!).toBeGreaterThan(waitS * 1_000 - 1_000);
});

test('an image that cannot be pulled is asked for no more often', async () => {
  const cluster = await Cluster.of();
  cluster.deploy('s1', { replicas: 1, image: 'absent:1' });
  await cluster.pass(120_000);
  expect(cluster.tasks('s1').filter(({ status }) => status.state === 'rejected').length).toBeGreaterThan(3);
  expect(Math.max(...cluster.tasks('s1').map(({ crashesBefore = 0 }) => crashesBefore))).toBeLessThan(9);
});

test('the successor of a task whose node has failed does not wait', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s1', { replicas: 1 });
  const [task] = cluster.running('s1');
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'power-cut', node: Number(task!.nodeId.slice(1)) - 1, forMs: 600_000 });
  await cluster.until('it runs elsewhere', () => cluster.running('s1').some(({ nodeId }) => nodeId !== task!.nodeId));
  const [start] = cluster.momentsOf('s1', began);
  expect(start!.task.startAfterMs).toBe(0);
});
