import { describe, expect, it } from 'vitest';
import { Refused } from '../../base/src/index.js';
import { aTemplate } from '../../model/src/testing/index.js';
import { checkPolicy, claimResources, containerIdOf, permissivePolicy, type NodePolicy } from '../src/index.js';
import { assigned, OneNode } from './one-node.js';

/** Whose namespaces, devices and resources a task's container has, and what a node forbids. */

const partner = assigned({ id: 'task-2', serviceId: 'service-db', serviceName: 'db', networks: [{ networkId: 'net', address: '10.0.0.9', aliases: [] }] });
const net = { kind: 'network' as const, key: 'net', value: { id: 'net', name: 'net', subnets: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1' }], internal: false } };
const request = (node: OneNode, taskId = 'task-1') => node.runtime.request(containerIdOf(taskId));

describe('namespaces of another', () => {
  it('are those of the task with the same slot, with its name, addresses and name server', async () => {
    const node = await OneNode.open();
    await node.assign(partner, net);
    await node.change([assigned({ template: { container: { networkMode: 'service:db', pidMode: 'service:db', ipcMode: `container:${containerIdOf('task-2').slice(0, 12)}` } } })]);
    expect(node.state()).toBe('running');
    const id = containerIdOf('task-2');
    expect(request(node)).toMatchObject({ netnsPath: `/fake/netns/${id}`, spec: { pidMode: `container:${id}`, ipcMode: `container:${id}`, networkMode: `container:${id}` }, nameservers: ['127.0.0.11'], hostname: id.slice(0, 12), hostLines: [`10.0.0.9\t${id.slice(0, 12)}`] });
    expect(await node.network.attached()).toEqual([id]);
  });

  it('wait for a task that runs: the task is rejected otherwise', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { pidMode: 'service:db' } } }));
    expect(node.states().at(-1)).toBe('rejected: task db.1, whose namespaces this one shares, does not run on node alpha');
  });

  it('end with their owner, also when the agent was away meanwhile', async () => {
    const node = await OneNode.open();
    await node.assign(partner, net);
    await node.change([assigned({ template: { container: { networkMode: 'service:db' } } }), assigned({ id: 'task-3', slot: 2, template: { container: { ipcMode: `container:db.1.task-2` } } })]);
    await node.worker.close();
    node.runtime.exit(containerIdOf('task-2'), { code: 1 });
    await node.start();
    for (const id of ['task-1', 'task-3']) expect(node.states(id).at(-1)).toBe('failed: task: non-zero exit (143): a container whose namespaces it shares has ended');
    expect(await node.leftovers()).toEqual([]);
  });

  it('of a circle are refused', async () => {
    const node = await OneNode.open();
    await node.assign(assigned({ template: { container: { networkMode: 'service:web' } } }));
    expect(node.states().at(-1)).toMatch('does not run on node alpha');
  });
});

it('the network of the host is nothing to attach or detach, and comes with the host\'s names', async () => {
  const node = await OneNode.open();
  await node.assign(assigned({ template: { container: { networkMode: 'host' } } }));
  expect(request(node)).toMatchObject({ netnsPath: '/proc/self/ns/net', hostname: 'alpha', nameservers: [], hostLines: [] });
  expect(await node.network.attached()).toEqual([]);
});

it('no network is a namespace with nothing in it', async () => {
  const node = await OneNode.open();
  await node.assign(assigned({ template: { container: { networkMode: 'none' } } }));
  expect(await node.network.attached()).toEqual([containerIdOf('task-1')]);
  expect(node.network.dump()).toEqual([`${containerIdOf('task-1')}: loopback only`]);
});

it('host-gateway is the address of the node, and a domain name stands before the short one', async () => {
  const node = await OneNode.open();
  const peer = { kind: 'peer' as const, key: 'node-a', value: { nodeId: 'node-a', index: 1, dataPathAddress: '192.0.2.7', address: '192.0.2.7' } };
  const task = assigned({ networks: [{ networkId: 'net', address: '10.0.0.5', aliases: [] }], template: { container: { hostname: 'h', domainname: 'd.test', hosts: ['host-gateway gw', '192.0.2.1 x'], macAddress: '02:42:ac:11:00:02' } } });
  await node.assign(task, net, peer);
  expect(request(node)).toMatchObject({ hostLines: ['10.0.0.5\th.d.test h'], spec: { hosts: ['192.0.2.7 gw', '192.0.2.1 x'] } });
  expect(node.network.containers.get(containerIdOf('task-1'))?.macAddress).toBe('02:42:ac:11:00:02');
});

describe('resources of the node', () => {
  const resources = [{ kind: 'gpu', value: 2, ids: ['/dev/gpu0', '/dev/gpu1'] }, { kind: 'licence', value: 3 }];
  const wanting = (id: string, generic: ({ kind: string; value: number } | { kind: string; id: string })[]) => assigned({ id, template: { resources: { reservations: { generic } } } });

  it('go to one container each, with Docker\'s variable and the device, and come back with its end', async () => {
    const node = await OneNode.open({ resources });
    await node.assign(wanting('task-1', [{ kind: 'gpu', value: 1 }, { kind: 'licence', value: 2 }]), wanting('task-2', [{ kind: 'gpu', id: '/dev/gpu1' }]));
    expect(request(node)?.spec).toMatchObject({ devices: [{ hostPath: '/dev/gpu0', containerPath: '/dev/gpu0', permissions: 'rwm' }] });
    expect(request(node)?.spec.env).toEqual(expect.arrayContaining(['DOCKER_RESOURCE_GPU=/dev/gpu0', 'DOCKER_RESOURCE_LICENCE=2']));
    await node.restart();
    await node.change([wanting('task-3', [{ kind: 'gpu', value: 1 }])]);
    expect(node.states('task-3').at(-1)).toBe('rejected: 1 gpu are wanted, and 0 of this node are free');
    node.runtime.exit(containerIdOf('task-1'), { code: 0 });
    await node.settle();
    await node.change([wanting('task-4', [{ kind: 'gpu', value: 1 }])]);
    expect(request(node, 'task-4')?.spec.env).toContain('DOCKER_RESOURCE_GPU=/dev/gpu0');
  });

  it('are told apart by name', () => {
    const claim = (asked: Parameters<typeof claimResources>[0], ...taken: ReturnType<typeof claimResources>[]) => claimResources(asked, resources, () => taken);
    expect(claim([{ kind: 'gpu', id: '/dev/gpu1' }, { kind: 'gpu', value: 1 }])).toEqual({ gpu: ['/dev/gpu1', '/dev/gpu0'] });
    expect(() => claim([{ kind: 'gpu', id: '/dev/gpu1' }], { gpu: ['/dev/gpu1'] })).toThrow('gpu /dev/gpu1 is in use by another task');
    expect(() => claim([{ kind: 'gpu', id: 'x' }])).toThrow('gpu x is not on this node');
    expect(() => claim([{ kind: 'fpga', value: 1 }])).toThrow('this node has no fpga');
  });
});

describe('what a node allows', () => {
  const strict: NodePolicy = { privileged: false, hostNamespaces: false, unconfined: false, devices: ['/dev/dri/*'], binds: ['/srv/*'], capabilities: [] };
  const verdict = (container: Parameters<typeof aTemplate>[0] extends infer P ? NonNullable<P> extends { container?: infer C } ? C : never : never, policy = strict): string => {
    try {
      checkPolicy(policy, aTemplate({ container }).container, 'alpha');
      return 'allowed';
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return error.message.replace(/^node alpha does not allow (.*): place the service elsewhere, or ask who runs the node$/, '$1');
    }
  };

  it('is everything by default', () => {
    expect(verdict({ privileged: true, pidMode: 'host', devices: [{ hostPath: '/dev/../dev/sda', containerPath: '/x', permissions: 'r' }], capabilityAdd: ['ALL'], securityOptions: { seccomp: { kind: 'unconfined' } } }, permissivePolicy)).toBe('allowed');
  });

  it('is told with the node, the option and the flag', () => {
    const bind = (source: string) => ({ mounts: [{ type: 'bind' as const, source, target: '/x' }] });
    const device = (hostPath: string) => ({ devices: [{ hostPath, containerPath: '/x', permissions: 'r' }] });
    expect([
      verdict({}),
      verdict({ privileged: true }),
      verdict({ pidMode: 'host', networkMode: 'host' }),
      verdict({ pidMode: 'service:db', ipcMode: 'shareable' }),
      verdict({ securityOptions: { seccomp: { kind: 'profile', text: '{}' }, systemPaths: 'unconfined' } }),
      verdict(device('/dev/dri/card0')),
      verdict(device('/dev/dri/../sda')),
      verdict({ deviceCgroupRules: ['a *:* rwm'] }),
      verdict(bind('/srv/data')),
      verdict(bind('/srv/../etc')),
      verdict(bind('/')),
      verdict({ mounts: [{ type: 'volume', source: 'v', target: '/x', driver: { options: { type: 'none', o: 'ro,bind', device: '/etc' } } }] }),
      verdict({ capabilityAdd: ['CAP_SYS_ADMIN'] }),
    ]).toEqual([
      'allowed',
      'privileged containers (its agent says --allow-privileged no)',
      'the namespaces of the host: network, pid (its agent says --allow-host-namespaces no)',
      'allowed',
      'containers without their filters: a seccomp profile of its own, systempaths=unconfined (its agent says --allow-unconfined no)',
      'allowed',
      'the device /dev/dri/../sda (its agent says --allow-devices /dev/dri/*)',
      'device cgroup rules (its agent says --allow-devices /dev/dri/*)',
      'allowed',
      'mounts of /srv/../etc (its agent says --allow-binds /srv/*)',
      'mounts of / (its agent says --allow-binds /srv/*)',
      'mounts of /etc (its agent says --allow-binds /srv/*)',
      'the capability CAP_SYS_ADMIN (its agent says --allow-capabilities none)',
    ]);
  });

  it('rejects a task before anything is made for it', async () => {
    const node = await OneNode.open({ policy: strict });
    await node.assign(assigned({ template: { container: { privileged: true } } }));
    expect(node.states().at(-1)).toMatch(/^rejected: node alpha does not allow privileged containers/);
    expect(node.calls()).not.toContain('create');
  });
});
