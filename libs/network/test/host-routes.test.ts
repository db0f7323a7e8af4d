import { expect, test } from 'vitest';
import { ipv4Routes, ipv6Routes } from '../src/host-routes.js';

test('routes of the host, without those to everywhere, to single links and to nowhere', () => {
  const rows = [
    'eth0\t00000000\t010A0A0A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t000A0A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'wg0\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    '*\t0000010B\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'eth1\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  ];
  expect(ipv4Routes(rows)).toEqual([{ block: '10.10.10.0/24', link: 'eth0' }, { block: '192.168.0.0/16', link: 'wg0' }]);
});

test('the same of IPv6', () => {
  const nowhere = '00000000000000000000000000000000 00 00000000000000000000000000000000';
  const rows = [
    `fd000001000000000000000000000000 40 ${nowhere} 00000100 00000001 00000000 00000001     eth0`,
    `00000000000000000000000000000000 00 ${nowhere} 00000400 00000001 00000000 00450003     eth0`,
    `fe800000000000000000000000000000 40 ${nowhere} 00000100 00000001 00000000 00000001     eth0`,
    `fd000001000000000000000000000007 80 ${nowhere} 00000000 00000001 00000000 80200001     eth0`,
    `ff000000000000000000000000000000 08 ${nowhere} 00000100 00000001 00000000 00000001     eth0`,
  ];
  expect(ipv6Routes(rows)).toEqual([{ block: 'fd00:1::/64', link: 'eth0' }]);
});
