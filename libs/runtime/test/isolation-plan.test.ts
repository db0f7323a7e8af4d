import { describe, expect, test } from 'vitest';
import type { ContainerSpec } from '../../model/src/index.js';
import type { HostFacts } from '../src/host-facts.js';
import { namespaceModes, noFindings, planIsolation, type IsolationFindings } from '../src/isolation-plan.js';
import { hostId, idMapText } from '../src/namespaces.js';
import type { ContainerRequest } from '../src/runtime.js';
import { parseSeccompProfile } from '../src/seccomp/profile.js';

const held = 0x1fffeffffffn;
const facts: HostFacts = { kernel: { major: 6, minor: 18 }, architecture: 'x64', heldCapabilities: held, hardLimits: new Map(), cgroups: { trees: [] }, bootId: 'boot', shimPath: '/shim' };
const plain: ContainerSpec = { image: 'web', labels: {}, env: [], hosts: [], secrets: [], configs: [], mounts: [], capabilityAdd: [], capabilityDrop: [], sysctls: {}, ulimits: [] };

function plan(spec: Partial<ContainerSpec>, findings: IsolationFindings = noFindings, host: Partial<HostFacts> = {}) {
  return planIsolation({ spec: { ...plain, ...spec }, netnsPath: '/run/netns/n' } as ContainerRequest, { ...facts, ...host }, findings);
}

describe('namespaces', () => {
  test('of a plain container: all its own, but for users and time', () => {
    expect(plan({}).namespaces).toEqual([{ kind: 'pid' }, { kind: 'network', path: '/run/netns/n' }, { kind: 'mount' }, { kind: 'uts' }, { kind: 'ipc' }, { kind: 'cgroup' }]);
  });

  test("the host's are left out; another's have a path", () => {
    const findings = { ...noFindings, joined: { ipc: '/proc/7/ns/ipc' } };
    expect(plan({ pidMode: 'host', networkMode: 'host', utsMode: 'host', ipcMode: 'container:c7' }, findings).namespaces).toEqual([{ kind: 'mount' }, { kind: 'ipc', path: '/proc/7/ns/ipc' }, { kind: 'cgroup' }]);
  });

  test('one that is not found, or named by its service, is refused', () => {
    expect(() => plan({ ipcMode: 'container:c7' })).toThrow('it does not run on this node');
    expect(() => plan({ pidMode: 'service:web' })).toThrow('a container of this node must be named');
  });

  test('users: as the node does by default, or as asked', () => {
    const byDefault = { ...noFindings, userNamespaces: { byDefault: true, firstHostId: 500_000, size: 70_000 } };
    const ranges = [{ containerId: 0, hostId: 500_000, size: 70_000 }];
    expect(plan({}, byDefault).idMap).toEqual({ uids: ranges, gids: ranges });
    expect(plan({ usernsMode: 'host' }, byDefault).idMap).toBeUndefined();
    expect(namespaceModes(plain).user.kind).toBe('host');
    expect(() => plan({ usernsMode: 'private' }, noFindings, { kernel: { major: 5, minor: 15 } })).toThrow('user namespaces need Linux 5.19');
  });

  test('ids and their map', () => {
    const ranges = [{ containerId: 0, hostId: 1000, size: 10 }, { containerId: 100, hostId: 5000, size: 2 }];
    expect(idMapText(ranges)).toBe('0 1000 10\n100 5000 2\n');
    expect([0, 9, 10, 101, 102].map((id) => hostId(ranges, id))).toEqual([1000, 1009, undefined, 5001, undefined]);
    expect(hostId(undefined, 42)).toBe(42);
  });
});

describe('rights', () => {
  test('privileged is what we hold, without filter and masks', () => {
    const { capabilities, seccomp, maskedPaths, readonlyPaths } = plan({ privileged: true });
    expect([capabilities.bounding, capabilities.inheritable, seccomp, maskedPaths, readonlyPaths]).toEqual([held, 0n, 'unconfined', [], []]);
    expect(plan({ privileged: true, securityOptions: { seccomp: { kind: 'builtin' } } }).seccomp).toBe('default');
  });

  test('labels where the host has them, refusals where not', () => {
    const securityOptions = { apparmor: 'mine', label: { level: 's0:c1,c2' } };
    expect(plan({ securityOptions }, noFindings, { apparmor: true, selinux: true }).labels).toEqual({
      apparmorProfile: 'mine',
      selinuxProcess: 'system_u:system_r:container_t:s0:c1,c2',
      selinuxMount: 'system_u:object_r:container_file_t:s0:c1,c2',
    });
    expect(() => plan({ securityOptions })).toThrow('AppArmor is not enabled on this node');
  });

  test("the host's cgroups with SYS_ADMIN only for privileged", () => {
    expect(() => plan({ cgroupnsMode: 'host', capabilityAdd: ['ALL'] })).toThrow('is the host itself');
    expect(plan({ cgroupnsMode: 'host', privileged: true }).namespaces.map(({ kind }) => kind)).not.toContain('cgroup');
  });
});

describe('a seccomp profile that is given', () => {
  const profile = (rule: object) => JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...rule }] });

  test('with old and new names', () => {
    expect(parseSeccompProfile(profile({ names: undefined, name: 'write' })).syscalls[0]!.names).toEqual(['write']);
    expect(parseSeccompProfile('{"defaultAction":"SCMP_ACT_LOG"}').syscalls).toEqual([]);
  });

  test.each([
    ['no JSON', '{'],
    ['"defaultAction"', '{}'],
    ['"SCMP_ACT_NOTIFY"', profile({ action: 'SCMP_ACT_NOTIFY' })],
    ['"SCMP_CMP_LIKE"', profile({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_LIKE' }] })],
    ['argument 6', profile({ args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] })],
    ['names no system call', profile({ names: [] })],
  ])('is refused: %s', (words, text) => {
    expect(() => parseSeccompProfile(text)).toThrow(words);
  });
});
