import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm compares the whole specs of task and endpoint: another restart policy or published port restarts tasks. */
test('another restart policy, published port, update rule or number of replicas restarts nothing', async () => {
  const cluster = await Cluster.of();
  await cluster.run('s1', { publish: 'chosen' });
  const [began, ids] = [cluster.life.nowMs, cluster.running('s1').map(({ id }) => id)];
  cluster.deploy('s1', { publish: 'given', restart: 'on-failure', update: { parallelism: 2, order: 'start-first' } });
  await cluster.until('the port is published', () => cluster.service('s1').status.ports[0]?.publishedPort === 8001);
  cluster.happen({ kind: 'scale', service: 's1', replicas: 4 });
  await cluster.until('the fourth task runs', () => cluster.running('s1').length === 4);
  await cluster.pass(30_000);
  expect(cluster.momentsOf('s1', began).map(({ what }) => what)).toEqual(['started']);
  expect(cluster.running('s1').map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
});
