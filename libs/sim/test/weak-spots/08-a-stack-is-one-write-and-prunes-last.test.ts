import { expect, test } from 'vitest';
import { aRecipe, Cluster } from './cluster.js';

/** Docker's client prunes first, writes networks and secrets before it has read the services, and stops in the middle. */
test('what a stack no longer has goes when the rest has converged, and not before', async () => {
  const cluster = await Cluster.of();
  cluster.happen({ kind: 'deploy-stack', recipes: { app_11: aRecipe({}), app_12: aRecipe({}) }, prune: false });
  await cluster.until('the stack runs', () => cluster.running('app_11').length + cluster.running('app_12').length === 6);
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'deploy-stack', recipes: { app_11: aRecipe({ image: 'app:2' }), app_13: aRecipe({}) }, prune: true });
  await cluster.until('the old service is gone', (view) => !view.named('service', 'app_12'), 120_000);
  expect(cluster.service('app_11').status.update?.state).toBe('completed');
  expect([...cluster.running('app_11'), ...cluster.running('app_13')]).toHaveLength(6);
  await cluster.until('its tasks have stopped', () => cluster.momentsOf('app_12', began).length === 3);
  const lastStart = Math.max(...cluster.moments.filter(({ what }) => what === 'started').map(({ atMs }) => atMs));
  for (const { what, atMs } of cluster.momentsOf('app_12', began)) {
    expect(what).toBe('signalled');
    expect(atMs).toBeGreaterThan(lastStart);
  }
});

test('a stack of which one service is refused changes nothing', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s13', { publish: 'given' });
  const began = cluster.life.nowMs;
  cluster.happen({ kind: 'deploy-stack', recipes: { app_11: aRecipe({}), app_13: aRecipe({ publish: 'given' }) }, prune: true });
  await cluster.pass(30_000);
  expect(['app_11', 'app_13'].map((name) => cluster.view.named('service', name))).toEqual([undefined, undefined]);
  expect(cluster.view.get('stack', 'app')).toBeUndefined();
  expect(cluster.moments.filter(({ atMs }) => atMs > began)).toEqual([]);
});
