import { expect, test } from 'vitest';
import type { AssignedService } from '../../model/src/index.js';
import { balance, type Target } from '../src/balance.js';
import { renderChange, renderTable } from '../src/nft-table.js';
import { planNode } from '../src/node-plan.js';
import { boundAddresses } from '../src/published-ports.js';
import { endpoint, options, view, web } from './views.js';

const [near, far, farther] = [target('10.10.0.11', { isLocal: true }), target('10.10.0.12'), target('10.10.0.13')] as [Target, Target, Target];

test('connections are spread evenly, or by weight; the last rule is for a packet that meets a map which is just being replaced', () => {
  expect(rules([near, far])).toEqual(['dnat ip to numgen random mod 2 map { 0 : 10.10.0.11, 1 : 10.10.0.12 }', 'dnat ip to 10.10.0.11']);
  expect(rules([{ ...near, weight: 70 }, { ...far, weight: 30 }])).toEqual(['dnat ip to numgen random mod 100 map { 0-69 : 10.10.0.11, 70-99 : 10.10.0.12 }', 'dnat ip to 10.10.0.11']);
  expect(rules([{ ...near, weight: 5 }, { ...far, weight: 5 }])[0]).toEqual('dnat ip to numgen random mod 2 map { 0 : 10.10.0.11, 1 : 10.10.0.12 }');
  expect(rules([])).toEqual([]);
});

test('endpoints of the own node come first, or alone', () => {
  expect(rules([near, far], { locality: 'prefer-local' })).toEqual(['dnat ip to 10.10.0.11']);
  expect(rules([far], { locality: 'prefer-local' })).toEqual(['dnat ip to 10.10.0.12']);
  expect(rules([far], { locality: 'local-only' })).toEqual([]);
});

test('a client stays with its endpoint by a hash, and an endpoint that comes takes its share only', () => {
  const slots = (targets: Target[]) => slotsOf(rules(targets, { affinity: {} })[0]!);
  const [two, three] = [slots([near, far]), slots([near, far, farther])];
  expect(rules([near, far], { affinity: {} })[0]).toMatch(/^dnat ip to jhash ip saddr mod 256 seed 0x5eed map \{ /);
  expect([...new Set(three)].sort()).toEqual(['10.10.0.11', '10.10.0.12', '10.10.0.13']);
  const moved = two.filter((address, slot) => address !== three[slot]);
  expect(moved).toHaveLength(three.filter((address) => address === '10.10.0.13').length);
  for (const address of new Set(three)) expect(three.filter((one) => one === address).length).toBeGreaterThan(256 / 3 / 2);
});

test('with a time each endpoint remembers its clients', () => {
  const { chains, sets } = balance('vip', [near, far], { affinity: { timeoutSeconds: 60 }, family: 4 });
  expect(chains).toEqual([
    {
      name: 'vip',
      rules: [
        'ip saddr @vip_to_10_10_0_11 goto vip_to_10_10_0_11',
        'ip saddr @vip_to_10_10_0_12 goto vip_to_10_10_0_12',
        'numgen random mod 2 vmap { 0 : goto vip_to_10_10_0_11, 1 : goto vip_to_10_10_0_12 }',
        'goto vip_to_10_10_0_11',
      ],
    },
    { name: 'vip_to_10_10_0_11', rules: ['update @vip_to_10_10_0_11 { ip saddr }', 'dnat ip to 10.10.0.11'] },
    { name: 'vip_to_10_10_0_12', rules: ['update @vip_to_10_10_0_12 { ip saddr }', 'dnat ip to 10.10.0.12'] },
  ]);
  expect(sets.map(({ spec }) => spec)).toEqual(Array(2).fill('type ipv4_addr; size 65536; flags dynamic,timeout; timeout 60s;'));
});

test('an endpoint that comes leaves the memory of the others', () => {
  const remembering: AssignedService = { ...web, balancing: { affinity: { timeoutSeconds: 60 } } };
  const grown: AssignedService = { ...remembering, endpoints: [...web.endpoints, endpoint('w3', 3, 2, [['front', '10.10.0.13']])] };
  const [before, after] = [remembering, grown].map((service) => planNode(view({ services: [service] }), options).mesh);
  const grow = renderChange(before, after!);
  expect(grow).toContain('add set inet mesh vip_10_10_0_2_to_10_10_0_13 { type ipv4_addr;');
  expect(grow).not.toContain('_to_10_10_0_11 {');
  const shrink = renderChange(after, before!).split('\n');
  expect(shrink.slice(-3)).toEqual(['delete chain inet mesh vip_10_10_0_2_to_10_10_0_13', 'delete set inet mesh vip_10_10_0_2_to_10_10_0_13', '']);
});

test('addresses that ports are bound to keep their names while others come and go', () => {
  const all = boundAddresses(['127.0.0.1', '192.0.2.1', '::1', '192.0.2.1']);
  expect([...all.keys()]).toEqual(['127.0.0.1', '192.0.2.1', '::1']);
  expect(new Set(all.values()).size).toBe(3);
  expect(boundAddresses(['192.0.2.1']).get('192.0.2.1')).toBe(all.get('192.0.2.1'));
});

test('a bound port, its clients and its mask', () => {
  const port = { protocol: 'tcp' as const, targetPort: 8000, publishedPort: 8080, hostIps: ['192.0.2.1', 'fd99::1'], allowFrom: ['10.0.0.0/8', '10.1.0.0/16', '127.0.0.1'], masquerade: true };
  const plan = planNode(view({ services: [{ ...web, ports: [port] }] }), options);
  const alias = boundAddresses(['192.0.2.1']).get('192.0.2.1');
  const [mesh, host] = [renderTable(plan.mesh), renderTable(plan.host)];
  expect(mesh).toContain(`elements = { ${alias} . 6 . 8080 : goto bound4_tcp_8080_at_192_0_2_1, 192.0.2.1 . 6 . 8080 : goto bound4_tcp_8080_at_192_0_2_1 }`);
  expect(mesh).toContain('ip saddr != { 10.0.0.0/8, 127.0.0.1/32, 169.254.77.1 } drop');
  expect(mesh).toContain('drop\n\t\tct mark set 0x40000\n\t\tmeta l4proto');
  expect(host).toContain(`elements = { 192.0.2.1 . 6 . 8080 : ${alias} }`);
  expect(host).not.toContain('elements = { 6 . 8080');
});

test('a guarded task answers those it allows', () => {
  const guard = { addresses: ['10.10.0.11', '10.10.0.12'], allow: ['10.10.0.11', '10.10.0.30'] };
  const mesh = renderTable(planNode(view({ services: [{ ...web, guard }] }), options).mesh);
  expect(mesh).toContain('set guarded4 {\n\t\ttype ipv4_addr;\n\t\telements = { 10.10.0.11 }');
  expect(mesh).toContain('elements = { 10.10.0.11 . 10.10.0.11, 10.10.0.30 . 10.10.0.11 }');
});

function target(address: string, more: Partial<Target> = {}): Target {
  return { address, isLocal: false, ...more };
}

function rules(targets: Target[], balancing = {}): string[] {
  return balance('vip', targets, { ...balancing, family: 4 }).chains[0]!.rules;
}

/** The address of each slot of a hash. */
function slotsOf(rule: string): string[] {
  const ranges = [...rule.matchAll(/(\d+)(?:-(\d+))? : ([\d.]+)/g)];
  return ranges.flatMap(([, first, last, address]) => Array(Number(last ?? first) - Number(first) + 1).fill(address) as string[]);
}
