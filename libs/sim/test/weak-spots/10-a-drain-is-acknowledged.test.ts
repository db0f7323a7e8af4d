import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm's agent sleeps for two seconds before it stops a container, and asks nobody. That nobody is sent to a task that stops is a promise which the simulation watches at each step. */
async function drainMs(slowMs: number): Promise<number> {
  const cluster = await Cluster.of();
  await cluster.run('s1', { replicas: 3 });
  const before = cluster.running('s1');
  if (slowMs > 0) cluster.happen({ kind: 'slow-link', node: 1, slowMs, forMs: 600_000 });
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'scale', service: 's1', replicas: 2 });
  await cluster.until('one is told to stop', () => cluster.momentsOf('s1', began).length > 0);
  const [stop] = cluster.momentsOf('s1', began);
  expect(before.map(({ id }) => id)).toContain(stop!.task.id);
  return stop!.atMs - began;
}

test('a task stops as soon as every node has said that it sends it nothing more: sooner than in two seconds', async () => {
  expect(await drainMs(0)).toBeLessThan(1_000);
});

test('a node that is slow to say so is waited for', async () => {
  expect(await drainMs(500)).toBeGreaterThan(1_000);
});

test('and no longer than two seconds, however slow', async () => {
  expect(await drainMs(4_000)).toBeLessThan(8_000);
});
