import { expect, test } from 'vitest';
import type { AssignedPeer } from '../../model/src/index.js';
import { candidatePaths, choosePath, type EncryptionState } from '../src/encryption-state.js';
import { describeItem } from '../src/kernel-item.js';
import { attribute } from '../src/netlink.js';
import { describePlan, planNode } from '../src/node-plan.js';
import { diffWire, wireConfig, type WireConfig } from '../src/wireguard-config.js';
import { parseDevice, renderDevice } from '../src/wireguard-kernel.js';
import { parseWireStatus, renderWireChange } from '../src/wireguard-uapi.js';
import { back, db, endpoint, front, options, peer, view, web } from './views.js';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const withKeys = (index: number, ...slots: number[]): AssignedPeer => ({ ...peer(index), encryptionKeys: slots.map((slot) => ({ slot, publicKey: key(10 * index + slot), port: 51_820 + slot })) });
const sealed = { ...front, encrypted: true as const };
const overWire: EncryptionState = { slots: [0], paths: new Map([['node2', { from: 0, to: 1 }]]) };

test('what is encrypted is routed through the second tunnel, whose underlay is WireGuard alone', () => {
  const lines = items(planNode(view({ networks: [sealed, back] }), options, overWire));
  expect(lines.filter((line) => /vxe0|wg/.test(line))).toEqual([
    'link vxe0 address 02:6d:02:00:00:01',
    'address 100.65.0.1/32 dev vxe0',
    'address fd77:6e::1/128 dev vxe0',
    'address 100.66.0.1/32 dev wg0',
    'route 100.67.0.2/32 dev wg0 src 100.66.0.1',
    'route 100.67.0.2/32 dev wg0 src 100.66.0.1 table 101002',
    'fdb 02:6d:02:00:00:02 dev vxe0 dst 100.67.0.2',
    'neigh 100.65.0.2 lladdr 02:6d:02:00:00:02 dev vxe0',
    'route 100.65.0.2/32 dev vxe0 src 100.65.0.1',
    'route 0.0.0.0/0 via 100.65.0.2 dev vxe0 table 101002',
    'neigh fd77:6e::2 lladdr 02:6d:02:00:00:02 dev vxe0',
    'route fd77:6e::2/128 dev vxe0 src fd77:6e::1',
    'route ::/0 via fd77:6e::2 dev vxe0 table 101002',
    'route 10.10.0.12/32 via 100.65.0.2 dev vxe0',
  ]);
  expect(lines).toContain('rule 1002: fwmark 0x30002/0xffffffff lookup 101002');
  expect(lines).toContain('route 10.20.0.21/32 via 100.64.0.2 dev vx0');
});

test('what is encrypted is unreachable where there is no way to encrypt it', () => {
  const lines = items(planNode(view({ networks: [sealed] }), options));
  expect(lines.filter((line) => line.includes('10.10.0.12'))).toEqual(['route unreachable 10.10.0.12/32 metric 4000']);
});

test('a published endpoint of an encrypted network is reached encrypted from nodes without that network, too', () => {
  const published = { ...web, endpoints: web.endpoints.map((one) => ({ ...one, addresses: one.addresses.map((address) => ({ ...address, encrypted: true as const })) })) };
  const plan = planNode(view({ networks: [back], services: [published, db] }), options, overWire);
  expect(items(plan)).toContain('route 10.10.0.12/32 via 100.65.0.2 dev vxe0');
  expect(describePlan(plan)).toMatch(/set sealed4 \{\n\t\ttype ipv4_addr; flags interval;\n\t\telements = \{ 10\.10\.0\.11, 10\.10\.0\.12 \}/);
});

test('the subnets of encrypted networks are sealed, those of others are not', () => {
  expect(describePlan(planNode(view({ networks: [sealed, back] }), options, overWire))).toMatch(/set sealed4 \{\n\t\ttype ipv4_addr; flags interval;\n\t\telements = \{ 10\.10\.0\.0\/24 \}/);
});

test('a device keeps what is right, and with it its sessions', () => {
  const peers = [withKeys(1, 0), withKeys(2, 0), withKeys(3, 0)];
  const before = wireConfig(view({ peers }), { privateKey: key(1), port: 51_820 });
  expect(before.peers.map(({ publicKey, endpoint: at, address }) => [publicKey, at, address])).toEqual([
    [key(20), { address: '192.0.2.2', port: 51_820 }, '100.66.0.2'],
    [key(30), { address: '192.0.2.3', port: 51_820 }, '100.66.0.3'],
  ]);
  expect(diffWire(before, before)).toEqual({ put: [], remove: [] });
  const after = wireConfig(view({ peers: [peers[0]!, withKeys(2, 0, 1)] }), { privateKey: key(1), port: 51_820 });
  expect(diffWire(before, after)).toEqual({ put: [{ publicKey: key(21), endpoint: { address: '192.0.2.2', port: 51_821 }, address: '100.67.0.2' }], remove: [key(30)] });
});

test('newer keys are used when both sides have shaken hands on them, not before', () => {
  const own = [0, 1].map((slot) => ({ slot, publicKey: key(slot), port: 51_820 + slot }));
  const paths = candidatePaths(own, withKeys(2, 1, 0));
  expect(paths).toEqual([{ from: 1, to: 0 }, { from: 1, to: 1 }, { from: 0, to: 0 }, { from: 0, to: 1 }]);
  expect(choosePath(paths, () => false)).toEqual({ from: 0, to: 1 });
  expect(choosePath(paths, ({ to }) => to === 0)).toEqual({ from: 1, to: 0 });
  expect(choosePath(paths, ({ from }) => from === 0)).toEqual({ from: 0, to: 0 });
  expect(choosePath(candidatePaths(own, peer(2)), () => true)).toBeUndefined();
});

const config: WireConfig = {
  privateKey: key(1),
  port: 51_820,
  peers: [
    { publicKey: key(2), endpoint: { address: '192.0.2.2', port: 51_820 }, address: '100.66.0.2' },
    { publicKey: key(3), endpoint: { address: '2001:db8::3', port: 51_821 }, address: '100.67.0.3' },
  ],
};
const nothing: WireConfig = { privateKey: '', port: 0, peers: [{ ...config.peers[0]!, publicKey: key(9) }] };

test('what wireguard-go is told, and what it says', () => {
  expect(renderWireChange(diffWire(nothing, config)).split('\n')).toEqual([
    'set=1',
    `private_key=${'01'.repeat(32)}`,
    'listen_port=51820',
    `public_key=${'09'.repeat(32)}`,
    'remove=true',
    `public_key=${'02'.repeat(32)}`,
    'endpoint=192.0.2.2:51820',
    'persistent_keepalive_interval=25',
    'replace_allowed_ips=true',
    'allowed_ip=100.66.0.2/32',
    `public_key=${'03'.repeat(32)}`,
    'endpoint=[2001:db8::3]:51821',
    'persistent_keepalive_interval=25',
    'replace_allowed_ips=true',
    'allowed_ip=100.67.0.3/32',
    '',
    '',
  ]);
  const answer = renderWireChange(diffWire(nothing, { ...config, peers: config.peers })).replace('set=1\n', '').replace(`public_key=${'09'.repeat(32)}\nremove=true\n`, '');
  const told = answer.replace('persistent_keepalive_interval=25', 'last_handshake_time_sec=1700000000').replace('persistent_keepalive_interval=25', 'last_handshake_time_sec=0');
  expect(parseWireStatus(`${told}errno=0\n\n`)).toEqual({ ...config, handshakes: new Map([[key(2), 1_700_000_000]]) });
});

test("the kernel's messages say the same in both directions", () => {
  const { privateKey, port, peers } = config;
  const message = Buffer.concat([Buffer.alloc(4), renderDevice('wg0', { privateKey, port, put: peers, remove: [] })]);
  expect(parseDevice([message])).toEqual({ ...config, handshakes: new Map() });
  // As `wg set wg0 peer … remove` sends it: the name, and a nest of one peer with its key and the flag 1.
  const removal = renderDevice('wg0', { put: [], remove: [key(7)] });
  const flag = Buffer.from([1, 0, 0, 0]);
  const nested = 0x8000;
  expect(removal).toEqual(
    Buffer.concat([attribute(2, Buffer.from('wg0\0')), attribute(8 | nested, attribute(nested, Buffer.concat([attribute(1, Buffer.alloc(32, 7)), attribute(3, flag)])))]),
  );
});

test('addresses of the new task are routed as those of its network', () => {
  const grown = { ...web, endpoints: [...web.endpoints, endpoint('w3', 3, 2, [['front', '10.10.0.13']])] };
  expect(items(planNode(view({ networks: [sealed], services: [grown] }), options, overWire))).toContain('route 10.10.0.13/32 via 100.65.0.2 dev vxe0');
});

function items(plan: ReturnType<typeof planNode>): string[] {
  return plan.items.map(describeItem);
}
