import { expect, test } from 'vitest';
import { isInNetwork, parseIpNetwork } from '../src/ip-network.js';

test.each([
  ['10.0.0.7', '10.0.0.7', true],
  ['10.0.0.7', '10.0.0.8', false],
  ['10.0.0.7', '10.255.0.0/8', true],
  ['10.0.0.7', '0.0.0.0/0', true],
  ['11.0.0.7', '10.0.0.0/8', false],
  ['fd00::7', 'fd00:0:0:0:0:0:0:7', true],
  ['fd00::7', 'FD00::/8', true],
  ['fe80::7', 'fd00::/8', false],
  ['::1', '::/127', true],
  ['10.0.0.7', '::/0', false],
  ['fd00::7', '0.0.0.0/0', false],
  ['', '0.0.0.0/0', false],
  ['10.0.0.0/8', '10.0.0.0/8', false],
])('%s in %s: %s', (address, network, expected) => {
  expect(isInNetwork(address, parseIpNetwork(network)!)).toBe(expected);
});

test.each(['', 'a', '10.0.0', '10.0.0.256', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4::5:6:7:8', 'g::', ':::', ':1'])('%s is no network', (text) => {
  expect(parseIpNetwork(text)).toBeUndefined();
});
