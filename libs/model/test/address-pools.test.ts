import { expect, test } from 'vitest';
import { checkPools, clearPool, poolClashes } from '../src/index.js';

const routes = (...blocks: string[]) => blocks.map((block) => ({ block, link: 'eth0' }));

test.each([
  [[], '10.0.0.0/8'],
  [['192.168.1.0/24', '2001:db8::/32'], '10.0.0.0/8'],
  [['10.1.2.0/24'], '10.128.0.0/9'],
  [['10.1.0.0/16', '10.200.0.0/16'], '10.64.0.0/10'],
  [['10.0.0.0/8'], '172.16.0.0/12'],
  [['10.0.0.0/8', '172.16.0.0/12'], '192.168.0.0/16'],
  [['10.0.0.0/8', '172.16.0.0/12', '192.168.7.0/24'], undefined],
])('beside routes to %j the pool is %s', (blocks, pool) => {
  expect(clearPool(routes(...blocks))).toBe(pool);
});

test('clashes are told with the route', () => {
  expect(poolClashes(['10.0.0.0/8', 'fd00:1::/48'], [...routes('10.1.2.3/24', '192.168.0.0/16'), { block: 'fd00::/8', link: 'wg0' }])).toEqual([
    { pool: '10.0.0.0/8', route: { block: '10.1.2.3/24', link: 'eth0' } },
    { pool: 'fd00:1::/48', route: { block: 'fd00::/8', link: 'wg0' } },
  ]);
});

test.each([
  [['10.0.0.0/8', 'fd00:1::/48'], 24, undefined],
  [['10.0.0.0'], 24, 'the address pool 10.0.0.0 is none'],
  [['10.0.0.0/26'], 24, 'the address pool 10.0.0.0/26 is smaller than one subnet, a /24'],
  [['fd00::/80'], 24, 'the address pool fd00::/80 is smaller than one subnet, a /64'],
  [['10.0.0.0/8', '10.9.0.0/16'], 24, 'the address pools 10.0.0.0/8 and 10.9.0.0/16 overlap'],
  [['10.0.0.0/8'], 31, 'a mask length of 31 is not between 8 and 30'],
])('pools %j with /%d: %s', (pools, bits, problem) => {
  const check = () => checkPools(pools, bits);
  if (problem === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(problem);
});
