import { expect, test } from 'vitest';
import { aCluster, aContext, aNetwork, anIngressNetwork, aService, aTask, aTemplate, decideOnce, settle, viewOf } from '../../model/src/testing/index.js';
import { addressBook } from '../src/address-book.js';
import { addressUse, allocateNetworks, allocateServices, allocateTasks } from '../src/index.js';

const all = [allocateNetworks, allocateServices, allocateTasks];
const onWebnet = aTemplate({ networks: [{ target: 'webnet', aliases: ['api'] }] });

function allocated(id: string, subnet: string, gateway: string) {
  return aNetwork({ id, allocation: { subnets: [{ subnet, gateway }], vni: 5000 } });
}

test('networks get subnets out of the pools, each its own', () => {
  const view = viewOf({
    cluster: [aCluster({ addressPools: ['10.0.0.0/22'] })],
    network: [allocated('first', '10.0.1.0/24', '10.0.1.1'), aNetwork({ id: 'a' }), aNetwork({ id: 'b' }), aNetwork({ id: 'c' }), aNetwork({ id: 'd' })],
  });
  expect(decideOnce(view, allocateNetworks).sentences).toEqual([
    'network a gets 10.0.0.0/24, vni 4096',
    'network b gets 10.0.2.0/24, vni 4097',
    'network c gets 10.0.3.0/24, vni 4098',
    'network d gets no subnet: every /24 of 10.0.0.0/22 is in use',
  ]);
  expect(view.get('network', 'a')!.allocation).toEqual({ subnets: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1' }], vni: 4096 });
});

test('a network gets the subnet and gateway it asks for, and no pool gives that away', () => {
  const own = aNetwork({ id: 'z-own', spec: { ipam: { configs: [{ subnet: '10.0.0.0/23', gateway: '10.0.0.254' }] } } });
  const view = viewOf({ cluster: [aCluster()], network: [aNetwork({ id: 'a' }), own] });
  expect(decideOnce(view, allocateNetworks).sentences).toEqual(['network a gets 10.0.2.0/24, vni 4096', 'network z-own gets 10.0.0.0/23, vni 4097']);
  expect(view.get('network', 'z-own')!.allocation!.subnets).toEqual([{ subnet: '10.0.0.0/23', gateway: '10.0.0.254' }]);
});

test('a subnet that overlaps with another network is refused', () => {
  const own = aNetwork({ id: 'own', spec: { ipam: { configs: [{ subnet: '10.0.1.128/25' }] } } });
  const view = viewOf({ cluster: [aCluster()], network: [allocated('first', '10.0.1.0/24', '10.0.1.1'), own] });
  expect(settle(view, [allocateNetworks])).toEqual([]);
  expect(allocateNetworks(view, aContext()).sentences).toEqual(['network own gets no subnet: 10.0.1.128/25 overlaps with network first']);
});

test('a task becomes pending with one address per network, its aliases and the name of its service', () => {
  const view = viewOf({ cluster: [aCluster()], network: [aNetwork()], service: [aService({ spec: { template: onWebnet } })], task: [aTask()] });
  settle(view, all);
  expect(view.get('task', 'task-1')).toMatchObject({
    networks: [{ networkId: 'webnet', address: '10.0.0.3', aliases: ['api', 'web'] }],
    status: { state: 'pending', message: 'pending task scheduling', error: '' },
  });
});

test('a task without networks is attached to the ingress network', () => {
  const view = viewOf({ cluster: [aCluster()], network: [anIngressNetwork()], service: [aService()], task: [aTask()] });
  settle(view, all);
  expect(view.get('task', 'task-1')!.networks).toEqual([{ networkId: 'ingress', address: '10.255.0.3', aliases: ['web'] }]);
});

test('a full network says so with numbers, and gives the next address when one is free', () => {
  const network = aNetwork({ spec: { ipam: { configs: [{ subnet: '10.9.0.0/29' }] } } });
  const tasks = [1, 2, 3, 4, 5].map((slot) => aTask({ slot }));
  const view = viewOf({ cluster: [aCluster()], network: [network], service: [aService({ spec: { template: onWebnet } })], task: tasks });
  expect(settle(view, all)).toContain('web.5 waits: network webnet has no free address: 5 of 5 in use (10.9.0.0/29)');
  expect(view.get('task', 'task-5')!.status).toMatchObject({ state: 'new', error: 'network webnet has no free address: 5 of 5 in use (10.9.0.0/29)' });
  const freed = view.get('task', 'task-2')!;
  view.apply('task', 'task-2', { ...freed, desiredState: 'shutdown', status: { ...freed.status, state: 'shutdown' } });
  expect(settle(view, all)).toEqual(['web.5 gets 10.9.0.4']);
});

test('the address of a task that has not ended is not given away, whatever is desired of it', () => {
  const network = allocated('webnet', '10.9.0.0/29', '10.9.0.1');
  const stopping = aTask({ slot: 9, desiredState: 'shutdown', state: 'running', nodeId: 'gone', networks: [{ networkId: 'webnet', address: '10.9.0.2', aliases: [] }] });
  const view = viewOf({ network: [network], service: [aService({ spec: { template: onWebnet } })], task: [stopping, ...[1, 2, 3, 4].map((slot) => aTask({ slot }))] });
  settle(view, [allocateTasks]);
  expect([1, 2, 3, 4].map((slot) => view.get('task', `task-${slot}`)!.networks[0]!.address)).toEqual(['10.9.0.3', '10.9.0.4', '10.9.0.5', '10.9.0.6']);
});

test('a freed address rests: the ring goes on after the youngest task', () => {
  const network = allocated('webnet', '10.9.0.0/24', '10.9.0.1');
  const ended = aTask({ slot: 1, state: 'failed', desiredState: 'shutdown', networks: [{ networkId: 'webnet', address: '10.9.0.7', aliases: [] }] });
  const view = viewOf({ network: [network], service: [aService({ spec: { template: onWebnet } })], task: [ended, aTask({ slot: 2 })] });
  expect(settle(view, [allocateTasks])).toEqual(['web.2 gets 10.9.0.8']);
});

test('gateway and auxiliary addresses are never given, and only the range is used', () => {
  const network = aNetwork({ spec: { ipam: { configs: [{ subnet: '10.9.0.0/24', ipRange: '10.9.0.128/30', gateway: '10.9.0.129', auxAddresses: { router: '10.9.0.130' } }] } } });
  const view = viewOf({ cluster: [aCluster()], network: [network], service: [aService({ spec: { template: onWebnet, endpoint: { mode: 'dnsrr', ports: [] } } })], task: [1, 2, 3].map((slot) => aTask({ slot })) });
  settle(view, all);
  expect([1, 2, 3].map((slot) => view.get('task', `task-${slot}`)!.networks[0]?.address)).toEqual(['10.9.0.128', '10.9.0.131', undefined]);
});

test('a network that does not exist is named', () => {
  const view = viewOf({ service: [aService({ spec: { template: onWebnet } })], task: [aTask()] });
  expect(settle(view, [allocateTasks])).toEqual(['web.1 waits: network webnet not found']);
});

test('a service has a virtual address in each network, none with dnsrr', () => {
  const services = [aService({ spec: { template: onWebnet } }), aService({ id: 'rr', spec: { template: onWebnet, endpoint: { mode: 'dnsrr', ports: [] } } })];
  const view = viewOf({ network: [allocated('webnet', '10.9.0.0/24', '10.9.0.1')], service: services });
  expect(settle(view, [allocateServices])).toEqual(['service web has 10.9.0.2']);
});

test('a service that leaves a network gives its virtual address back', () => {
  const service = aService({ spec: { template: onWebnet }, status: { virtualIps: [{ networkId: 'old', address: '10.8.0.2' }] } });
  const view = viewOf({ network: [allocated('webnet', '10.9.0.0/24', '10.9.0.1'), allocated('old', '10.8.0.0/24', '10.8.0.1')], service: [service] });
  settle(view, [allocateServices]);
  expect(view.get('service', 'web')!.status.virtualIps).toEqual([{ networkId: 'webnet', address: '10.9.0.2' }]);
});

test('published ports without a number get one and keep it', () => {
  const endpoint = { ports: [{ targetPort: 80 }, { targetPort: 81 }, { targetPort: 53, protocol: 'udp' as const }] };
  const view = viewOf({ network: [anIngressNetwork()], service: [aService({ spec: { endpoint } })] });
  expect(settle(view, [allocateServices])).toEqual(['service web has 10.255.0.2 and publishes 30000→80/tcp, 30001→81/tcp, 30000→53/udp']);
  const service = view.get('service', 'web')!;
  view.apply('service', 'web', { ...service, spec: { ...service.spec, endpoint: { ports: [{ targetPort: 81 }] } } });
  expect(settle(view, [allocateServices])).toEqual(['service web has 10.255.0.2 and publishes 30001→81/tcp']);
});

test('two services that want one port: the older one has it, the other one is told', () => {
  const endpoint = { ports: [{ targetPort: 80, publishedPort: 8080 }] };
  const services = [aService({ id: 'younger', createdAt: '2024-01-02T00:00:00.000000000Z', spec: { endpoint } }), aService({ id: 'older', spec: { endpoint } })];
  const view = viewOf({ network: [anIngressNetwork()], service: services });
  const { sentences } = decideOnce(view, allocateServices);
  expect(sentences).toContain('service younger cannot publish 8080/tcp: service older does');
  expect(view.get('service', 'younger')!.status.ports).toEqual([]);
});

const dual = { cluster: [aCluster({ addressPools: ['10.0.0.0/8', 'fd12:3456:789a::/48'] })] };

test('a network with IPv6 has a subnet of each family, and its tasks and services an address of each', () => {
  const view = viewOf({ ...dual, network: [aNetwork({ spec: { ipv6: true } }), aNetwork({ id: 'other', spec: { ipv6: true } })], service: [aService({ spec: { template: onWebnet } })], task: [aTask()] });
  expect(settle(view, all)).toEqual([
    'network other gets 10.0.0.0/24 and fd12:3456:789a::/64, vni 4096',
    'network webnet gets 10.0.1.0/24 and fd12:3456:789a:1::/64, vni 4097',
    'service web has 10.0.1.2, fd12:3456:789a:1::2',
    'web.1 gets 10.0.1.3 and fd12:3456:789a:1::3',
  ]);
});

test('a cluster without an IPv6 pool says so', () => {
  const view = viewOf({ cluster: [aCluster()], network: [aNetwork({ spec: { ipv6: true } })] });
  expect(allocateNetworks(view, aContext()).sentences).toEqual(['network webnet gets no subnet: the cluster has no IPv6 address pool; give the network a subnet of its own']);
});

test('several subnets of one family are used one after the other', () => {
  const network = aNetwork({ spec: { ipam: { configs: [{ subnet: '10.9.0.0/30' }, { subnet: '10.9.1.0/30' }] } } });
  const view = viewOf({ cluster: [aCluster()], network: [network], service: [aService({ spec: { template: onWebnet, endpoint: { mode: 'dnsrr', ports: [] } } })], task: [1, 2, 3].map((slot) => aTask({ slot })) });
  expect(settle(view, all)).toEqual([
    'network webnet gets 10.9.0.0/30 and 10.9.1.0/30, vni 4096',
    'web.1 gets 10.9.0.2',
    'web.2 gets 10.9.1.2',
    'web.3 waits: network webnet has no free address: 2 of 2 in use (10.9.0.0/30, 10.9.1.0/30)',
  ]);
});

test('a task gets the very addresses that it asks for, or is told who has them', () => {
  const template = aTemplate({ networks: [{ target: 'webnet', aliases: [], addresses: ['10.0.0.99', 'fd12:3456:789a::99'] }] });
  const view = viewOf({ ...dual, network: [aNetwork({ spec: { ipv6: true } })], service: [aService({ spec: { template, endpoint: { mode: 'dnsrr', ports: [] } } })], task: [1, 2].map((slot) => aTask({ slot })) });
  expect(settle(view, all).slice(1)).toEqual(['web.1 gets 10.0.0.99 and fd12:3456:789a::99', 'web.2 waits: 10.0.0.99 in network webnet is in use by web.1']);
});

test('a book that followed every change says what a fresh one says', () => {
  const view = viewOf({ ...dual, network: [aNetwork({ spec: { ipv6: true } })], service: [aService({ spec: { template: onWebnet } })], task: [1, 2, 3].map((slot) => aTask({ slot })) });
  const book = view.index(addressBook);
  settle(view, all);
  const ended = view.get('task', 'task-2')!;
  view.apply('task', 'task-2', { ...ended, status: { ...ended.status, state: 'failed' } });
  view.apply('task', 'task-3', undefined);
  const fresh = addressBook(view);
  for (const family of [4, 6] as const) {
    expect(book.page('webnet', family)!.inUse).toBe(2);
    expect(fresh.page('webnet', family)!.inUse).toBe(2);
  }
  expect(book.waiting).toEqual(fresh.waiting);
});

test.each(['host', 'none', 'service:db', 'container:abc'])('a task with network mode %s has no address, and its service none', (networkMode) => {
  const template = aTemplate({ container: { networkMode } });
  const view = viewOf({ cluster: [aCluster()], network: [anIngressNetwork()], service: [aService({ spec: { template } })], task: [aTask({ state: 'new' })] });
  settle(view, all);
  expect(view.get('task', 'task-1')).toMatchObject({ networks: [], status: { state: 'pending' } });
  expect(view.get('service', aService().id)!.status.virtualIps).toEqual([]);
});

const fixed = (address: string, id = 'fixed') => aService({ id, spec: { template: aTemplate({ networks: [{ target: 'webnet', aliases: [], addresses: [address] }] }) } });
const small = aNetwork({ spec: { ipam: { configs: [{ subnet: '10.9.0.0/28', ipRange: '10.9.0.0/29' }] } } });

test('an address that a service asks for is given to nobody else, its own service address included', () => {
  const services = [fixed('10.9.0.2'), aService({ spec: { template: onWebnet } })];
  const view = viewOf({ cluster: [aCluster()], network: [small], service: services, task: [aTask(), aTask({ id: 'late', serviceId: 'fixed', createdAt: '2025-01-01T00:00:00.000000000Z' })] });
  expect(settle(view, all)).toEqual(['network webnet gets 10.9.0.0/28, vni 4096', 'service fixed has 10.9.0.3', 'service web has 10.9.0.4', 'web.1 gets 10.9.0.5', 'fixed.1 gets 10.9.0.2']);
});

test('an address outside the range can be asked for, and costs the range nothing; when the service lets it go, others are given it', () => {
  const view = viewOf({ cluster: [aCluster()], network: [small], service: [fixed('10.9.0.12'), fixed('10.9.0.4', 'lazy')], task: [aTask({ serviceId: 'fixed' })] });
  settle(view, all);
  expect(view.get('task', 'task-1')!.networks).toEqual([{ networkId: 'webnet', address: '10.9.0.12', aliases: ['fixed'] }]);
  const page = view.index(addressBook).page('webnet', 4)!;
  expect({ inUse: page.inUse, kept: page.kept, size: page.size }).toEqual({ inUse: 2, kept: 1, size: 6 });
  view.apply('service', 'lazy', undefined);
  expect({ inUse: page.inUse, kept: page.kept }).toEqual({ inUse: 1, kept: 0 });
});

test.each([
  ['10.8.0.1', 'lies in no subnet'],
  ['10.9.0.1', 'is the gateway'],
  ['10.9.0.15', 'is the first or last address of its subnet'],
])('the address %s can be had by nobody: %s', (address, why) => {
  const view = viewOf({ cluster: [aCluster()], network: [small], service: [fixed(address)], task: [aTask({ serviceId: 'fixed' })] });
  settle(view, all);
  expect(view.get('task', 'task-1')!.status.error).toBe(`${address} ${why} of network webnet (10.9.0.0/28)`);
});

test('the network of the highest priority comes first, with its MAC address', () => {
  const template = aTemplate({ networks: [{ target: 'low', aliases: [] }, { target: 'webnet', aliases: [], priority: 5, macAddress: '02:00:00:00:00:07' }] });
  const view = viewOf({ cluster: [aCluster()], network: [aNetwork(), aNetwork({ id: 'low' })], service: [aService({ spec: { template } })], task: [aTask()] });
  settle(view, all);
  expect(view.get('task', 'task-1')!.networks.map(({ networkId, macAddress }) => [networkId, macAddress])).toEqual([['webnet', '02:00:00:00:00:07'], ['low', undefined]]);
});

test('how much of each subnet is taken', () => {
  const network = aNetwork({ spec: { ipam: { configs: [{ subnet: '10.9.0.0/28', ipRange: '10.9.0.0/29', auxAddresses: { router: '10.9.0.2' } }, { subnet: 'fd09::/120' }] } } });
  const view = viewOf({ cluster: [aCluster()], network: [network], service: [aService({ spec: { template: onWebnet } })], task: [aTask()] });
  settle(view, all);
  expect(addressUse(view, 'webnet')).toEqual([{ subnet: '10.9.0.0/28', inUse: 2, free: 3 }, { subnet: 'fd09::/120', inUse: 2, free: 252 }]);
});

test('a subnet is not given again while a task of the network that had it still runs; the tasks that wait say why', () => {
  const own = aNetwork({ spec: { ipam: { configs: [{ subnet: '10.9.0.0/24' }] } } });
  const leaving = aTask({ id: 'old', slot: 9, serviceId: 'gone', desiredState: 'remove', state: 'running', nodeId: 'a', networks: [{ networkId: 'removed', address: '10.9.0.5', aliases: [] }] });
  const view = viewOf({ cluster: [aCluster()], network: [own], service: [aService({ spec: { template: onWebnet } })], task: [leaving, aTask()] });
  settle(view, all);
  expect(view.get('task', 'task-1')!.status.error).toBe('network webnet gets no subnet: 10.9.0.0/24 overlaps with gone.9, which has not ended since its network was removed');
  view.apply('task', 'old', undefined);
  settle(view, all);
  expect(view.get('task', 'task-1')!.status).toMatchObject({ state: 'pending', error: '' });
});

test('once nodes are connected, an address that was given up rests until the networks of all of them have forgotten it', () => {
  const network = allocated('webnet', '10.9.0.0/29', '10.9.0.1');
  const tasks = [1, 2, 3, 4, 5].map((slot) => aTask({ slot, state: 'running', nodeId: 'a', networks: [{ networkId: 'webnet', address: `10.9.0.${slot + 1}`, aliases: [] }] }));
  const rr = aService({ spec: { template: onWebnet, endpoint: { mode: 'dnsrr', ports: [] } } });
  const wanting = fixed('10.9.0.4');
  const quiet = { ...wanting, spec: { ...wanting.spec, endpoint: { mode: 'dnsrr' as const, ports: [] } } };
  const view = viewOf({ cluster: [{ ...aCluster(), status: { agreedRevision: 0 } }], network: [network], service: [rr, quiet], task: tasks });
  settle(view, all);
  const end = (slot: number) => {
    const task = view.get('task', `task-${slot}`)!;
    view.apply('task', task.id, { ...task, desiredState: 'shutdown', status: { ...task.status, state: 'failed' } });
  };
  const agree = (agreedRevision: number) => view.apply('cluster', 'cluster', { ...view.cluster!, status: { agreedRevision } });
  view.revision = 10;
  end(2);
  view.apply('task', 'task-2', undefined); // forgotten by the store, not by the nodes
  view.apply('task', 'late', aTask({ id: 'late', slot: 6 }));
  settle(view, all);
  expect(view.get('task', 'late')!.status.error).toBe('network webnet has no free address: 4 of 5 in use, 1 until all nodes have forgotten who had them (10.9.0.0/29)');
  expect(addressUse(view, 'webnet')).toEqual([{ subnet: '10.9.0.0/29', inUse: 4, free: 0 }]);
  agree(10);
  expect(settle(view, all)).toEqual([]);
  agree(11);
  expect(settle(view, all)).toEqual(['web.6 gets 10.9.0.3']);
  view.revision = 20;
  end(3);
  view.apply('task', 'its-own', aTask({ id: 'its-own', slot: 1, serviceId: 'fixed', serviceName: 'fixed' }));
  view.apply('template', 'fixed.1', { id: 'fixed.1', template: view.get('service', 'fixed')!.spec.template, version: 1, createdAt: '', updatedAt: '' });
  settle(view, all);
  expect(view.get('task', 'its-own')!.status.error).toBe('10.9.0.4 in network webnet is free when all nodes have forgotten who had it');
  agree(21);
  expect(settle(view, all)).toEqual(['fixed.1 gets 10.9.0.4']);
});
