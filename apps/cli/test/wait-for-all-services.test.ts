import { afterEach, expect, test } from 'vitest';
import { shoal } from './run-shoal.js';
import { stubManager, type Answer, type Exchange, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
afterEach(() => manager?.close());

const node = { ID: 'n1', Spec: {}, Description: { Hostname: 'gamma' }, Status: { State: 'ready' } };

/** A stack of two services, of which the first never comes up. */
async function deploy(second: { state: string; err: string }) {
  const service = (id: string) => ({
    ID: id,
    Version: { Index: 7 },
    Spec: { Name: `demo_${id}`, Labels: { 'com.docker.stack.namespace': 'demo' }, Mode: { Replicated: { Replicas: 1 } }, TaskTemplate: { ContainerSpec: { Image: 'web:1' } } },
  });
  const task = (id: string, state: string, err?: string) => ({
    ID: `task-${id}`,
    ServiceID: id,
    Slot: 1,
    NodeID: 'n1',
    CreatedAt: '2026-01-01T00:00:00Z',
    Spec: { ContainerSpec: { Image: 'web:1' } },
    DesiredState: 'running',
    Status: { State: state, Err: err },
  });
  let isDeployed = false;
  const answer = ({ method, path }: Exchange): Answer | undefined => {
    if (method === 'POST') {
      isDeployed = true;
      return { json: { revision: 1, changes: [], notes: [], services: ['a', 'b'] } };
    }
    if (path.endsWith('/services')) return { json: [service('a'), service('b')] };
    if (path.endsWith('/tasks')) return { json: isDeployed ? [task('a', 'preparing'), task('b', second.state, second.err)] : [] };
    if (path.endsWith('/nodes')) return { json: [node] };
    if (path.endsWith('/nodes/n1')) return { json: node };
    return undefined;
  };
  manager = await stubManager(answer);
  return shoal(['stack', 'deploy', '-c', '-', '--timeout', '60s', 'demo'], { host: manager.host, stdin: 'services: { a: { image: "web:1" }, b: { image: "web:1" } }' });
}

/** Docker's client waits for one service after the other: it would never come to the second. */
test('a failure of the second service ends the wait though the first is still coming up', async () => {
  const { status, err } = await deploy({ state: 'rejected', err: 'No such image: nosuch:1' });
  expect(status).toBe(1);
  expect(err).toContain('demo_b');
  expect(err).toContain('No such image: nosuch:1');
});
