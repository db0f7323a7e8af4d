import { expect, test } from 'vitest';
import { nodeMark, nodeMeshAddress } from '../src/addresses.js';
import { diffPlan } from '../src/diff.js';
import type { Applied } from '../src/diff.js';
import { describeItem } from '../src/kernel-item.js';
import { describePlan, planNode } from '../src/node-plan.js';
import { back, db, endpoint, front, options, peer, view, web } from './views.js';

const nothing: Applied = { items: [], endpointAddresses: new Set(), datagramPorts: new Set() };

test('the whole plan of a node', async () => {
  await expect(describePlan(planNode(view(), options))).toMatchFileSnapshot('golden/node1.txt');
});

test('node addresses and marks reach to the last node', () => {
  const indexes = [1, 255, 256, 65534];
  expect(indexes.map((index) => nodeMeshAddress(index, 4))).toEqual(['100.64.0.1', '100.64.0.255', '100.64.1.0', '100.64.255.254']);
  expect(indexes.map((index) => nodeMeshAddress(index, 6))).toEqual(['fd77:6d::1', 'fd77:6d::ff', 'fd77:6d::100', 'fd77:6d::fffe']);
  expect(nodeMark(65534)).toBe(0x1fffe);
  expect(() => nodeMeshAddress(0, 4)).toThrow('node index 0 is not between 1 and 65534');
});

test('an equal view changes nothing', () => {
  expect(diffPlan(planNode(view(), options), planNode(view(), options))).toEqual({
    add: [],
    meshRules: '',
    hostRules: '',
    remove: [],
    goneAddresses: [],
    newDatagramPorts: [],
  });
});

test('nothing known: everything is made and the tables are replaced', () => {
  const plan = planNode(view(), options);
  const change = diffPlan(nothing, plan);
  expect(change.add).toEqual(plan.items);
  expect(change.meshRules).toMatch(/^add table inet mesh\ndelete table inet mesh\ntable inet mesh \{/);
  expect(change.hostRules).toMatch(/^add table inet shoal\ndelete table inet shoal\ntable inet shoal \{/);
});

test('an endpoint that comes changes its service and nothing else', () => {
  const grown = { ...web, endpoints: [...web.endpoints, endpoint('w3', 3, 2, [['front', '10.10.0.13']])] };
  expect(change(view(), view({ services: [grown, db] }))).toEqual([
    'add route 10.10.0.13/32 via 100.64.0.2 dev vx0',
    'flush chain inet mesh vip_10_10_0_2',
    'add rule inet mesh vip_10_10_0_2 dnat ip to numgen random mod 3 map { 0 : 10.10.0.11, 1 : 10.10.0.12, 2 : 10.10.0.13 }',
    'add rule inet mesh vip_10_10_0_2 dnat ip to 10.10.0.11',
    'flush chain inet mesh pub4_tcp_8080',
    'add rule inet mesh pub4_tcp_8080 meta l4proto 6 dnat ip addr . port to numgen random mod 3 map { 0 : 10.10.0.11 . 8000, 1 : 10.10.0.12 . 8000, 2 : 10.10.0.13 . 8000 }',
    'add rule inet mesh pub4_tcp_8080 meta l4proto 6 dnat ip to 10.10.0.11:8000',
  ]);
});

test('an endpoint that drains gets nothing new and keeps its route', () => {
  const draining = { ...web, endpoints: [web.endpoints[0]!, { ...web.endpoints[1]!, state: 'draining' as const }] };
  expect(change(view(), view({ services: [draining, db] }))).toEqual([
    'flush chain inet mesh vip_10_10_0_2',
    'add rule inet mesh vip_10_10_0_2 dnat ip to 10.10.0.11',
    'flush chain inet mesh pub4_tcp_8080',
    'add rule inet mesh pub4_tcp_8080 meta l4proto 6 dnat ip to 10.10.0.11:8000',
  ]);
});

test('an endpoint that is gone takes its route and its connections with it', () => {
  const shrunk = { ...web, endpoints: [web.endpoints[0]!] };
  expect(change(view(), view({ services: [shrunk, db] })).slice(-2)).toEqual([
    'remove route 10.10.0.12/32 via 100.64.0.2 dev vx0',
    'reset connections to 10.10.0.12',
  ]);
});

test('a service that goes leaves nothing behind', () => {
  expect(change(view(), view({ services: [db] }))).toEqual([
    'delete element inet mesh pubtgt4 { 10.10.0.11 . 6 . 8000 }',
    'delete element inet mesh vip4 { 10.10.0.2 }',
    'delete element inet mesh pub4 { 6 . 8080 }',
    'delete element inet mesh pub6 { 6 . 8080 }',
    'flush chain inet mesh vip_10_10_0_2',
    'flush chain inet mesh pub4_tcp_8080',
    'flush chain inet mesh pub6_tcp_8080',
    'delete chain inet mesh vip_10_10_0_2',
    'delete chain inet mesh pub4_tcp_8080',
    'delete chain inet mesh pub6_tcp_8080',
    'delete element inet shoal pub4 { 6 . 8080 }',
    'delete element inet shoal pub6 { 6 . 8080 }',
    'remove route 10.10.0.12/32 via 100.64.0.2 dev vx0',
    'reset connections to 10.10.0.12',
  ]);
});

test('a node that moves to another address is replaced, not removed', () => {
  const moved = { ...peer(2), dataPathAddress: '192.0.2.77' };
  expect(change(view(), view({ peers: [peer(1), moved] })).filter((line) => line.includes('fdb'))).toEqual(['add fdb 02:6d:01:00:00:02 dev vx0 dst 192.0.2.77']);
});

test('published endpoints of foreign networks are routed to, others are not', () => {
  const routes = planNode(view({ networks: [back] }), options).items.map(describeItem).filter((line) => line.startsWith('route 10.'));
  expect(routes).toEqual(['route 10.10.0.12/32 via 100.64.0.2 dev vx0', 'route 10.20.0.21/32 via 100.64.0.2 dev vx0', 'route 10.20.0.22/32 via 100.64.0.2 dev vx0']);
  const unpublished = planNode(view({ networks: [back], services: [{ ...web, ports: [] }] }), options).items.map(describeItem);
  expect(unpublished.filter((line) => line.startsWith('route 10.'))).toEqual([]);
});

test('an address that is none is refused with its text', () => {
  expect(() => planNode(view({ networks: [{ ...front, subnets: [{ subnet: '10.10.0.0/33', gateway: '10.10.0.1' }] }] }), options)).toThrow('"10.10.0.0/33" is not a subnet');
});

/** What happens between two views, one line each. */
function change(before: ReturnType<typeof view>, after: ReturnType<typeof view>): string[] {
  const { add, meshRules, hostRules, remove, goneAddresses } = diffPlan(planNode(before, options), planNode(after, options));
  return [
    ...add.map((item) => `add ${describeItem(item)}`),
    ...`${meshRules}${hostRules}`.split('\n').filter(Boolean),
    ...remove.map((item) => `remove ${describeItem(item)}`),
    ...goneAddresses.map((address) => `reset connections to ${address}`),
  ];
}

test('a network of both families: routes, service addresses, published ports and names of each', () => {
  const both = { ...front, subnets: [...front.subnets, { subnet: 'fd10::/64', gateway: 'fd10::1' }] };
  const dual = { ...web, virtualIps: [...web.virtualIps, { networkId: 'front', address: 'fd10::2' }], endpoints: [endpoint('w2', 2, 2, [['front', '10.10.0.12', ['web']], ['front', 'fd10::12', ['web']]])] };
  const plan = planNode(view({ networks: [both], services: [dual] }), options);
  const text = describePlan(plan);
  for (const line of ['address fd10::1/128 dev lo', 'route unreachable fd10::/64 metric 4000', 'route fd10::12/128 via fd77:6d::2 dev vx0', 'dnat ip6 to fd10::12', 'dnat ip6 to [fd10::12]:8000', 'fd10::/64 . fd10::/64']) {
    expect(text).toContain(line);
  }
  expect(plan.names.networks.get('front')!.addresses.get('shop_web')).toEqual(['10.10.0.2', 'fd10::2']);
});
