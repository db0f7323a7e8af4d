import { expect, test } from 'vitest';
import { FakeNodeNetwork } from '../src/index.js';
import { back, front, view, w1 } from './views.js';

const never = new AbortController().signal;

test('the fake keeps what it was told, in words', async () => {
  const network = new FakeNodeNetwork();
  await network.apply(view(), never);
  expect(await network.attach(w1, [front, back], never)).toEqual({ netnsPath: '/fake/netns/w1', nameserver: '127.0.0.11', mtu: 1450 });
  expect(network.dump()).toEqual(['w1: front 10.10.0.11, back 10.20.0.11']);
  expect(await network.attached()).toEqual(['w1']);
  await network.detach('w1');
  await network.detach('w1');
  expect(network.dump()).toEqual([]);
});
