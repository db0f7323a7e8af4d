import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { serviceSpecFrom } from '../src/engine-api/convert/service-spec-in.js';
import { withShoalOptionsOf } from '../src/engine-api/convert/shoal-options.js';
import { serviceSpecTo } from '../src/engine-api/convert/service-spec-out.js';

/** Bodies that the docker CLI 28.2 posted: `recorded/*.json`. */
function recorded(name: string): any {
  return JSON.parse(readFileSync(new URL(`./recorded/${name}.json`, import.meta.url), 'utf8'));
}

const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

test.each(['service-create-full', 'stack-service'])('%s: what is read back is what was posted, with defaults where it said nothing', (name) => {
  const posted = recorded(name);
  const shown = asJson(serviceSpecTo(serviceSpecFrom(posted), { insertDefaults: false }));
  expect(shown).toMatchObject(withoutSilence(posted));
});

test.each(['service-create-full', 'stack-service'])('%s: posting back what was read changes nothing', (name) => {
  const stored = serviceSpecFrom(recorded(name));
  for (const insertDefaults of [false]) expect(serviceSpecFrom(asJson(serviceSpecTo(stored, { insertDefaults })))).toEqual(stored);
});

test('addresses, MAC address and priority of a network are read back as they were, and stay when a client of Docker posts an update', () => {
  const networks = [{ target: 'n', aliases: ['a'], addresses: ['10.9.0.7', 'fd09::7'], macAddress: '02:42:00:00:00:07', priority: 0 }, { target: 'm', aliases: [] }];
  const plain = serviceSpecFrom({ Name: 'a', TaskTemplate: { ContainerSpec: { Image: 'a' } } });
  const spec = { ...plain, template: { ...plain.template, networks } };
  const shown = asJson(serviceSpecTo(spec, { insertDefaults: false }));
  expect(serviceSpecFrom(shown).template.networks).toEqual(networks);
  const { Shoal: _dropped, ...TaskTemplate } = shown.TaskTemplate;
  expect(serviceSpecFrom(withShoalOptionsOf({ ...shown, TaskTemplate }, spec.template)).template.networks).toEqual(networks);
});

test('what Docker has no word for is read back as it was, and stays when a client of Docker posts an update', () => {
  const limits = { cpuShares: 512, cpusetCpus: '0', memorySwapBytes: -1, oomKillDisable: true, blockIo: { weight: 300, readBytesPerSecond: [{ path: '/dev/a', rate: 5 }] } };
  const isolation = {
    privileged: true, devices: [{ hostPath: '/dev/a', containerPath: '/dev/b', permissions: 'r' }], deviceCgroupRules: ['c 1:* r'], shmSizeBytes: 5, pidMode: 'host', ipcMode: 'service:b', networkMode: 'host', usernsMode: 'host',
    cgroupnsMode: 'host', utsMode: 'host', cgroupParent: 'p', macAddress: '02:42:ac:11:00:02', domainname: 'd',
    securityOptions: { seccomp: { kind: 'profile' as const, text: '{"defaultAction":"SCMP_ACT_ALLOW"}' }, apparmor: 'x', label: { disable: true }, systemPaths: 'unconfined' as const },
  };
  const plain = serviceSpecFrom({ Name: 'a', TaskTemplate: { ContainerSpec: { Image: 'a' } } });
  const spec = { ...plain, template: { ...plain.template, container: { ...plain.template.container, ...isolation }, resources: { limits } } };
  const shown = asJson(serviceSpecTo(spec, { insertDefaults: false }));
  const read = serviceSpecFrom(shown);
  expect(read.template.container).toMatchObject(isolation);
  expect(read.template.resources?.limits).toEqual(limits);
  const { Shoal: _dropped, ...TaskTemplate } = shown.TaskTemplate;
  expect(serviceSpecFrom(withShoalOptionsOf({ ...shown, TaskTemplate }, spec.template))).toEqual(read);
  expect(serviceSpecFrom(withShoalOptionsOf({ ...shown, TaskTemplate: { ...TaskTemplate, Shoal: {} } }, spec.template)).template.container.privileged).toBeUndefined();
});

test('the networks host and none are modes', () => {
  const networks = (...Networks: object[]) => serviceSpecFrom({ Name: 'a', TaskTemplate: { ContainerSpec: { Image: 'a' }, Networks } }).template;
  expect(networks({ Target: 'host' })).toMatchObject({ networks: [], container: { networkMode: 'host' } });
  expect(asJson(serviceSpecTo({ ...serviceSpecFrom({ Name: 'a', TaskTemplate: { ContainerSpec: { Image: 'a' } } }), template: networks({ Target: 'none' }) }, { insertDefaults: false })).TaskTemplate.Networks).toEqual([{ Target: 'none' }]);
});

test('a mode that says nothing is one replica; empty jobs run once', () => {
  const spec = (Mode?: object) => serviceSpecFrom({ Name: 'a', TaskTemplate: { ContainerSpec: { Image: 'a' } }, ...(Mode ? { Mode } : {}) }).mode;
  expect(spec()).toEqual({ kind: 'replicated', replicas: 1 });
  expect(spec({ Replicated: {} })).toEqual({ kind: 'replicated', replicas: 1 });
  expect(spec({ Replicated: { Replicas: 0 } })).toEqual({ kind: 'replicated', replicas: 0 });
  expect(spec({ ReplicatedJob: { MaxConcurrent: 3 } })).toEqual({ kind: 'replicated-job', maxConcurrent: 3, totalCompletions: 3 });
  expect(() => spec({ Global: {}, Replicated: {} })).toThrow('must specify only one service mode');
});

test('defaults are shown where they hold', () => {
  const stored = serviceSpecFrom({ Name: 'a', TaskTemplate: { ContainerSpec: { Image: 'a' }, RestartPolicy: { Condition: 'none' } } });
  const shown: any = serviceSpecTo(stored, { insertDefaults: true });
  expect(shown.TaskTemplate.RestartPolicy).toEqual({ Condition: 'none', Delay: 5e9, MaxAttempts: 0 });
  expect(shown.TaskTemplate.ContainerSpec.StopGracePeriod).toBe(10e9);
  expect(shown.UpdateConfig).toEqual({ Parallelism: 1, FailureAction: 'pause', Monitor: 5e9, MaxFailureRatio: 0, Order: 'stop-first' });
});

test('a wrong type is refused with its place', () => {
  const post = (container: object) => () => serviceSpecFrom({ TaskTemplate: { ContainerSpec: container } });
  expect(post({ Image: 5 })).toThrow('invalid JSON: TaskTemplate.ContainerSpec.Image must be a string');
  expect(post({ Mounts: [{ Target: true }] })).toThrow('invalid JSON: TaskTemplate.ContainerSpec.Mounts[0].Target must be a string');
  expect(post({ Mounts: [{ Type: 'zfs', Target: '/a' }] })).toThrow('invalid MountType: "zfs"');
  expect(() => serviceSpecFrom({ TaskTemplate: { PluginSpec: {} } })).toThrow('mismatched Runtime and *Spec fields');
});

/** Without members that say nothing: empty objects, nulls, and what they leave behind. */
function withoutSilence(value: any): any {
  if (Array.isArray(value)) return value.map(withoutSilence);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([key, member]) => [key, withoutSilence(member)] as const)
    .filter(([key, member]) => member !== null && member !== '' && !(key === 'NoNewPrivileges' && member === false) && !(typeof member === 'object' && Object.keys(member).length === 0));
  return Object.fromEntries(kept);
}
