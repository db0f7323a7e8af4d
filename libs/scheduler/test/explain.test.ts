import { expect, test } from 'vitest';
import type { Node } from '../../model/src/index.js';
import { aNetwork, aNode, aService, aTask, aTemplate, settle, viewOf } from '../../model/src/testing/index.js';
import { explainTask, schedule } from '../src/index.js';

test('every node says all that it has against the task, with the numbers', () => {
  const template = aTemplate({
    resources: { reservations: { memoryBytes: 2 * 2 ** 30, generic: [{ kind: 'gpu', value: 1 }] } },
    placement: { constraints: ['node.labels.disk in (ssd, nvme)'], preferences: [], platforms: [], maxReplicas: 1 },
  });
  const ssd = { labels: { disk: 'ssd' } };
  const gpu = { generic: [{ kind: 'gpu', value: 1 }] };
  const view = viewOf({
    node: [
      aNode({ id: 'full', spec: ssd, description: { memoryBytes: 3 * 2 ** 30, ...gpu } }),
      aNode({ id: 'hdd', index: 2, spec: { labels: { disk: 'hdd' } }, description: gpu }),
      aNode({ id: 'away', index: 3, spec: { ...ssd, availability: 'drain' }, status: { state: 'down', message: 'heartbeat failure' }, description: gpu }),
      aNode({ id: 'bare', index: 4 }),
    ],
    service: [aService({ spec: { template } })],
    task: [aTask({ id: 'first', slot: 1, nodeId: 'full', state: 'running' }), aTask({ id: 'second', slot: 2, state: 'pending' })],
  });
  settle(view, [schedule]);
  const { summary, nodes } = explainTask(view, view.get('task', 'second')!);
  expect(summary).toMatch(/^no suitable node \(/);
  expect(Object.fromEntries(nodes.map(({ node, refusals }) => [node, refusals.map(({ filter, reason }) => `${filter}: ${reason}`)]))).toEqual({
    full: ['resources: needs 2 GiB memory, 1 GiB of 3 GiB free, 1 gpu, 0 of 1 free', 'max replicas: has 1 of at most 1'],
    hdd: ['constraints: wants node.labels.disk in (ssd, nvme), has hdd'],
    away: ['ready: it is down: heartbeat failure', 'active: its availability is drain'],
    bare: ['constraints: wants node.labels.disk in (ssd, nvme), has none', 'resources: needs 1 gpu, 0 of 0 free'],
  });
});

test('a task with a node needs no explanation, nor does one that is over', () => {
  const view = viewOf({ node: [aNode()], service: [aService()] });
  expect(explainTask(view, aTask({ nodeId: 'node-a', state: 'running' }))).toEqual({ summary: 'it has a node, and is running', nodes: [] });
  expect(explainTask(view, aTask({ state: 'failed', status: { error: 'exit 1' } }))).toEqual({ summary: 'it is over: failed: exit 1', nodes: [] });
  expect(explainTask(view, aTask({ state: 'new' })).summary).toBe('it waits for its addresses and ports');
});

test('a task of an encrypted network goes to a node that can encrypt, and waits while there is none', () => {
  const vault = aNetwork({ id: 'vault', spec: { driverOpts: { encrypted: 'true' } } });
  const sealed = aTask({ id: 'sealed', slot: 1, state: 'pending', networks: [{ networkId: 'vault', address: '10.0.9.3', aliases: [] }] });
  const able = aNode({ id: 'able', index: 2, status: { encryptionKeys: [{ slot: 0, publicKey: 'key', port: 51_820 }] } });
  const on = (nodes: Node[]) => viewOf({ node: nodes, network: [vault], service: [aService()], task: [sealed] });
  const waiting = on([aNode({ id: 'unable' })]);
  settle(waiting, [schedule]);
  expect(explainTask(waiting, waiting.get('task', 'sealed')!)).toMatchObject({
    summary: 'no suitable node (no encryption on 1 node): network vault is encrypted',
    nodes: [{ refusals: [{ filter: 'encryption', reason: 'it cannot encrypt, and network vault is encrypted' }] }],
  });
  expect(settle(on([aNode({ id: 'unable' }), able]), [schedule])).toEqual(['place web.1 on able']);
});
