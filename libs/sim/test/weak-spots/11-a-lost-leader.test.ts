import { expect, test } from 'vitest';
import { Cluster } from './cluster.js';

/** Swarm schedules nothing for 10 to 20 s when its leader is lost, and is blind to nodes for longer. */
test('when the leader dies the next one decides within seconds, no container notices, and no node is called down', async () => {
  const cluster = await Cluster.of({ nodes: 3, managers: 3 });
  await cluster.run('s1');
  for (let round = 0; round < 5; round++) {
    const began = cluster.life.nowMs;
    const replicas = 4 + round;
    cluster.happen({ kind: 'manager-crash', manager: 'leader', forMs: 20_000 });
    cluster.happen({ kind: 'scale', service: 's1', replicas });
    const tookMs = await cluster.until('the next leader has placed the new task', () => cluster.tasks('s1').filter(({ nodeId }) => nodeId !== '').length === replicas);
    expect(tookMs).toBeLessThan(10_000);
    await cluster.until('it runs', () => cluster.running('s1').length === replicas);
    expect([...cluster.view.all('node')].map(({ status }) => status.state)).toEqual(['ready', 'ready', 'ready']);
    expect(cluster.momentsOf('s1', began).map(({ what }) => what)).toEqual(['started']);
    await cluster.pass(30_000);
  }
});
