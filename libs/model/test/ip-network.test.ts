import { expect, test } from 'vitest';
import { formatIp, formatIpNetwork, isInNetwork, overlap, parseIpNetwork, wholeNetwork } from '../src/ip-network.js';

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

test.each([
  ['10.0.0.7', '10.0.0.7'],
  ['0.0.0.0', '0.0.0.0'],
  ['fd00:0:0:0:0:0:0:7', 'fd00::7'],
  ['FD00:0:1:0:0:0:0:7', 'fd00:0:1::7'],
  ['0:0:1:0:0:1:0:0', '::1:0:0:1:0:0'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
])('%s is written %s', (text, expected) => {
  const { address, bits } = parseIpNetwork(text)!;
  expect(formatIp(address, bits)).toBe(expected);
});

test('the block of an address, and blocks that overlap', () => {
  expect(formatIpNetwork(wholeNetwork(parseIpNetwork('10.1.2.3/20')!))).toBe('10.1.0.0/20');
  expect(formatIpNetwork(wholeNetwork(parseIpNetwork('fd00::1:2/112')!))).toBe('fd00::1:0/112');
  const block = (text: string) => wholeNetwork(parseIpNetwork(text)!);
  expect(overlap(block('10.0.0.0/8'), block('10.9.0.0/16'))).toBe(true);
  expect(overlap(block('10.0.0.0/16'), block('10.1.0.0/16'))).toBe(false);
  expect(overlap(block('::/0'), block('10.1.0.0/16'))).toBe(false);
});
