import { describe, expect, test } from 'vitest';
import { convertSpec } from '../src/oci/convert.js';
import { exampleSpec } from '../src/oci/example-spec.js';
import { sortOptions } from '../src/oci/mount-options.js';
import { convertResources } from '../src/oci/resources.js';
import { compileListener, convertSeccomp } from '../src/oci/seccomp.js';
import type { HostFacts } from '../src/host-facts.js';
import type { OciSpec } from '../src/oci/index.js';

const facts: Pick<HostFacts, 'cgroups' | 'heldCapabilities'> = {
  cgroups: { trees: [{ version: 2, mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] }] },
  heldCapabilities: 0x1fffeffffffn,
};
const place = { id: 'c1', bundle: '/bundle', directory: '/run/c1', cgroupPath: '/c1', preservedDescriptors: 0, hostEnvironment: ['A=1'] };
const placement = { procsFiles: [], oomCounterFile: '' };

function convert(change: (spec: OciSpec) => void = () => undefined) {
  const spec = exampleSpec(true);
  change(spec);
  return convertSpec(spec, place, facts as HostFacts, placement);
}

describe('a bundle becomes a config', () => {
  test('the example', () => {
    const config = convert();
    expect(config.namespaces.map(({ kind }) => kind)).toEqual(['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup']);
    expect(config.root).toEqual({ mountPoint: '/bundle/rootfs', readOnly: true });
    expect(config.mounts.map(({ kind, target }) => `${kind} ${target}`)).toEqual([
      'filesystem /proc', 'filesystem /dev', 'filesystem /dev/pts', 'filesystem /dev/shm', 'filesystem /dev/mqueue', 'filesystem /sys', 'filesystem /sys/fs/cgroup',
    ]);
    expect(config.capabilities).toEqual({ bounding: 0x20000420n, permitted: 0x20000420n, effective: 0x20000420n, inheritable: 0n, ambient: 0n });
    expect(config.rlimits).toEqual([{ name: 'nofile', soft: 1024n, hard: 1024n }]);
    expect(config.process).toMatchObject({ argv: ['sh'], terminal: true, workingDirectory: '/' });
    expect(config.seccomp).toBe('unconfined');
  });

  test('nothing is asked for that nobody could grant', () => {
    const { capabilities } = convert(({ process }) => {
      process!.capabilities = { bounding: ['CAP_CHOWN', 'CAP_SYS_RESOURCE', 'CAP_OF_TOMORROW'], effective: ['CAP_KILL'], permitted: ['CAP_CHOWN'], ambient: ['CAP_CHOWN'] };
    });
    expect(capabilities).toEqual({ bounding: 1n, permitted: 1n, effective: 0n, inheritable: 0n, ambient: 0n });
  });

  test('a sysctl belongs to a namespace of the container', () => {
    expect(convert(({ linux }) => void (linux!.sysctl = { 'net.ipv4.ip_forward': '1' })).sysctls).toEqual([{ path: 'net/ipv4/ip_forward', value: '1', mustExist: true }]);
    expect(() => convert(({ linux }) => void (linux!.sysctl = { 'kernel.panic': '1' }))).toThrow('not in a separate kernel namespace');
    expect(() =>
      convert(({ linux }) => {
        linux!.sysctl = { 'net.ipv4.ip_forward': '1' };
        linux!.namespaces = [{ type: 'mount' }];
      }),
    ).toThrow('not allowed in the hosts network namespace');
  });

  test('a hook without an environment gets ours, one with an empty one none', () => {
    const { hooks } = convert((spec) => void (spec.hooks = { poststart: [{ path: '/a' }, { path: '/b', env: [] }] }));
    expect(hooks).toEqual({ poststart: [{ path: '/a', args: [], env: ['A=1'] }, { path: '/b', args: [], env: [] }] });
  });

  test('unknown namespaces, doubles and personalities are refused', () => {
    expect(() => convert(({ linux }) => void linux!.namespaces!.push({ type: 'pid' }))).toThrow('duplicated ns "pid"');
    expect(() => convert(({ linux }) => void linux!.namespaces!.push({ type: 'dream' }))).toThrow('does not exist');
    expect(() => convert(({ process }) => void process!.rlimits!.push({ type: 'RLIMIT_NOFILE', soft: 1, hard: 1 }))).toThrow('RLIMIT_NOFILE twice');
    expect(() => convert(({ linux }) => void (linux!.personality = { domain: 'SOLARIS' }))).toThrow('LINUX32');
  });
});

test('mount options are sorted into what the kernel takes where, and of two that exclude each other the later counts', () => {
  const sorted = sortOptions(['rbind', 'ro', 'nosuid', 'suid', 'rro', 'rslave', 'size=1m', 'tmpcopyup', 'noatime']);
  expect(sorted).toMatchObject({ bind: 'rbind', propagation: 'rslave', copyUp: true, data: ['size=1m'] });
  expect([[...sorted.set], [...sorted.clear], [...sorted.setRecursive]]).toEqual([['RDONLY', 'NOATIME'], ['NOSUID'], ['RDONLY']]);
});

test('a seccomp rule with two conditions on one argument is two alternatives', () => {
  const one = { index: 0, value: 1, op: 'SCMP_CMP_EQ' };
  const two = { index: 0, value: 2, op: 'SCMP_CMP_EQ' };
  const choice = convertSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [one, two] }] });
  expect(choice).toMatchObject({ profile: { syscalls: [{ args: [one] }, { args: [two] }] } });
});

test('another program may decide about system calls, where it can be reached and not about all of them', () => {
  const asks = (names: string[], more: object) => convertSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }], ...more });
  expect(() => convertSeccomp({ defaultAction: 'SCMP_ACT_NOTIFY' })).toThrow('cannot be used as default action');
  expect(() => asks(['write'], { listenerPath: '/agent.sock' })).toThrow('cannot be used for the write syscall');
  expect(() => asks(['mkdir'], {})).toThrow('needs a listenerPath');
  expect(() => asks(['mkdir'], { flags: ['SECCOMP_FILTER_FLAG_NEW'] })).toThrow('needs a listenerPath');
  expect(() => convertSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_NEW'] })).toThrow('unknown flag');
  const choice = asks(['mkdir'], { listenerPath: '/agent.sock', listenerMetadata: 'x', flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC'] });
  expect(choice).toMatchObject({ flags: 0b1010, listener: { path: '/agent.sock', metadata: 'x' } });
  const state = { ociVersion: '1.2.0', id: 'a', status: 'creating' as const, pid: 7, bundle: '/b' };
  expect(compileListener(choice, 8, state).map(([, path, text]) => [path, JSON.parse(text as string)])).toEqual([
    ['/agent.sock', { ociVersion: '0.2.0', fds: ['seccompFd'], pid: 8, metadata: 'x', state }],
  ]);
});

test('resources that are 0 were not given', () => {
  expect(convertResources({ cpu: { shares: 0, quota: 5000 }, pids: { limit: 0 }, memory: { limit: -1 } })).toEqual({ cpu: { quotaUs: 5000 }, memory: { limitBytes: -1 } });
  expect(() => convertResources({ unified: { '../memory.max': '1' } })).toThrow('must be a file name');
});
