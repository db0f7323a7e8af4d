import { expect, test } from 'vitest';
import type { PeerProbe } from '../../../libs/model/src/index.js';
import { checkNetwork, type NodeAnswer } from '../src/shoal-api/network-check.js';

const names = ['a', 'b', 'c', 'd'];

test('a cluster in which all is well has no problems', () => {
  const { pairs, problems } = checkNetwork(cluster(() => 'well'));
  expect(problems).toEqual([]);
  expect(pairs).toHaveLength(12);
  expect(pairs[0]).toEqual({ from: 'a', to: 'b', family: 4, reachable: true, fullSize: true, loss: 0, latencyMs: 1.5 });
});

test('a node that is cut off is named alone, with what to do', () => {
  const { problems } = checkNetwork(cluster((from, to) => (from === 'c' || to === 'c' ? 'cut' : 'well')));
  expect(problems).toEqual([expect.stringMatching(/^c exchanges no packets with any other node: allow UDP port 4789/)]);
});

test('a node behind a narrow link is named alone', () => {
  const { problems, pairs } = checkNetwork(cluster((from, to) => (from === 'b' || to === 'b' ? 'narrow' : 'well')));
  expect(problems).toEqual([expect.stringMatching(/^b exchanges small packets, but none of 1450 bytes: .*MTU/)]);
  expect(pairs.find(({ from, to }) => from === 'a' && to === 'b')).toMatchObject({ reachable: true, fullSize: false, loss: 0 });
});

test('two nodes that do not reach each other are named as a pair, once', () => {
  const { problems } = checkNetwork(cluster((from, to) => ([from, to].sort().join('') === 'ad' ? 'cut' : 'well')));
  expect(problems).toEqual([expect.stringMatching(/^a and d do not reach each other/)]);
});

test('loss is told in percent, and a node that does not answer is a problem', () => {
  const answers = cluster((from, to) => (from === 'a' && to === 'b' ? 'lossy' : 'well'));
  const { problems } = checkNetwork([...answers, { id: 'e', name: 'e', error: 'the node is down' }]);
  expect(problems).toEqual(['e did not answer: the node is down', 'a and b lose 40 % of their packets: look at the links and the load of both']);
});

test('two nodes are both named: nobody can tell which it is', () => {
  const { problems } = checkNetwork(cluster(() => 'cut').slice(0, 2).map((answer) => ({ ...answer, facts: { ...answer.facts!, probes: answer.facts!.probes.filter(({ nodeId }) => nodeId < 'c') } })));
  expect(problems).toEqual([expect.stringMatching(/^a and b do not reach each other/)]);
});

function cluster(way: (from: string, to: string) => 'well' | 'cut' | 'narrow' | 'lossy'): NodeAnswer[] {
  return names.map((name) => ({ id: name, name, facts: { drift: {}, mtu: 1450, probes: names.filter((other) => other !== name).map((other) => probe(other, way(name, other))) } }));
}

function probe(nodeId: string, way: 'well' | 'cut' | 'narrow' | 'lossy'): PeerProbe {
  const count = (received: number) => ({ sent: 5, received, meanMs: received > 0 ? 1.5 : 0 });
  const [small, full] = { well: [5, 5], cut: [0, 0], narrow: [5, 0], lossy: [3, 3] }[way] as [number, number];
  return { nodeId, family: 4, small: count(small), full: count(full) };
}
