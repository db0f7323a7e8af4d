import { describe, expect, test } from 'vitest';
import { isRefused } from '../../base/src/index.js';
import { capabilitySet } from '../src/capabilities.js';
import { planContainer } from '../src/container-plan.js';
import { noLog } from '../src/log-plan.js';
import { exitOf, startFailureWords } from '../src/exit-words.js';
import type { HostFacts } from '../src/host-facts.js';
import { compileProcess, compileSandbox } from '../src/launch-program.js';
import { RLIM_INFINITY } from '../src/linux.js';
import type { Operation } from '../src/operations.js';
import { planProcess } from '../src/process-plan.js';
import { parseHardLimits, planRlimits } from '../src/rlimits.js';
import type { ContainerRequest } from '../src/runtime.js';
import { signalNumber } from '../src/signals.js';
import { planSysctls } from '../src/sysctls.js';
import { planUserMounts } from '../src/user-mounts.js';
import { resolveUser } from '../src/users.js';
import { planEtcFiles } from '../src/etc-files.js';

const held = 0x1fffeffffffn;
const facts: HostFacts = {
  kernel: { major: 6, minor: 18 },
  architecture: 'x64',
  heldCapabilities: held,
  hardLimits: new Map([['nofile', 20000n]]),
  cgroups: { trees: [{ version: 1, mountPoint: '/sys/fs/cgroup/cpu', controllers: ['cpu', 'cpuacct'] }, { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: [] }] },
  bootId: 'boot',
  shimPath: '/usr/lib/shoal/shoal-shim',
};

function request(spec: Partial<ContainerRequest['spec']> = {}, rest: Partial<Omit<ContainerRequest, 'image'>> & { image?: Partial<ContainerRequest['image']> } = {}): ContainerRequest {
  const { image, ...others } = rest;
  return {
    id: 'id1', name: 'web.1.id1', limits: {}, hostname: 'web', netnsPath: '/run/netns/n', nameservers: ['127.0.0.11'], searchDomains: ['lan'],
    resolvOptions: ['ndots:0'], hostLines: ['10.0.0.5\tweb'], files: [], labels: {}, log: { driver: 'json-file', options: {} }, ...others,
    image: { layerDirs: ['/l/top', '/l/base'], entrypoint: ['/entry'], cmd: ['serve'], env: ['PATH=/bin', 'LANG=C'], workingDir: '/srv', user: '', volumes: [], ...image },
    spec: { image: 'web', labels: {}, env: [], hosts: [], secrets: [], configs: [], mounts: [], capabilityAdd: [], capabilityDrop: [], sysctls: {}, ulimits: [], ...spec },
  };
}

const placement = { procsFiles: ['/sys/fs/cgroup/cpu/p/id1/cgroup.procs', '/sys/fs/cgroup/unified/p/id1/cgroup.procs'], unifiedDirectory: '/sys/fs/cgroup/unified/p/id1', oomCounterFile: '/sys/fs/cgroup/memory/p/id1/memory.oom_control' };
const paths = { directory: '/state/containers/id1', layer: '/state/writable/id1', skeleton: '/state/skeleton', log: { ...noLog, kind: 'json' as const, maxSizeBytes: 1000, maxFiles: 2, target: '/state/logs/id1/json.log' } };

/** Operations in words, without what is the same for every container. */
function words(operations: readonly Operation[]): string[] {
  return operations.map(([name, ...fields]) => [name, ...fields.map((field) => (Buffer.isBuffer(field) ? `<${field.length} bytes>` : Array.isArray(field) ? field.join(' ') : String(field)))].join(' '));
}

describe('the launch program', () => {
  test('of a plain service, step by step', () => {
    const config = planContainer(request(), facts, paths, placement, []);
    expect(words(compileSandbox(config))).toMatchInlineSnapshot(`
      [
        "container 2 536870912 /state/containers/id1 /sys/fs/cgroup/memory/p/id1/memory.oom_control  /sys/fs/cgroup/unified/p/id1",
        "streams 0 1 0 1000 2 0 /state/logs/id1/json.log <0 bytes>",
        "joinCgroup /sys/fs/cgroup/cpu/p/id1/cgroup.procs",
        "joinNamespace 1073741824 /run/netns/n",
        "unshare 235012096",
        "hostname web",
        "propagation 540672 /",
        "openTree 8 0 /state/containers/id1/resolv.conf",
        "openTree 9 0 /state/containers/id1/hostname",
        "openTree 10 0 /state/containers/id1/hosts",
        "mount 0 overlay /state/containers/id1/rootfs overlay lowerdir=/l/top:/l/base:/state/skeleton,upperdir=/state/writable/id1/upper,workdir=/state/writable/id1/work,volatile",
        "openRoot /state/containers/id1/rootfs",
        "filesystem 14 5 /proc proc source=proc",
        "filesystem 34 5 /dev tmpfs source=tmpfs mode=755 size=65536k",
        "filesystem 10 5 /dev/pts devpts source=devpts ptmxmode=0666 mode=0620 gid=5",
        "filesystem 15 5 /sys sysfs source=sysfs ro",
        "filesystem 14 5 /sys/fs/cgroup tmpfs source=tmpfs mode=755",
        "filesystem 15 5 /sys/fs/cgroup/cpu cgroup source=cgroup cpu cpuacct",
        "filesystem 14 5 /dev/mqueue mqueue source=mqueue",
        "filesystem 14 5 /dev/shm tmpfs source=shm mode=1777 size=67108864",
        "node 8630 1 3 /dev/null",
        "node 8630 1 5 /dev/zero",
        "node 8630 1 7 /dev/full",
        "node 8630 1 8 /dev/random",
        "node 8630 1 9 /dev/urandom",
        "node 8630 5 0 /dev/tty",
        "file 493 0 0 /.dockerenv <0 bytes>",
        "symlink /dev/ptmx pts/ptmx",
        "symlink /dev/fd /proc/self/fd",
        "symlink /dev/stdin /proc/self/fd/0",
        "symlink /dev/stdout /proc/self/fd/1",
        "symlink /dev/stderr /proc/self/fd/2",
        "symlink /etc/mtab /proc/mounts",
        "symlink /sys/fs/cgroup/cpuacct cpu",
        "attach 8 0 262144 0 18 /etc/resolv.conf",
        "attach 9 0 262144 0 18 /etc/hostname",
        "attach 10 0 262144 0 18 /etc/hosts",
        "directory 493 /srv",
      ]
    `);
    expect(words(compileProcess(config, { uid: 0, gid: 0, groups: [0, 10], home: '/root' }, Buffer.alloc(80)))).toMatchInlineSnapshot(`
      [
        "stdin",
        "rlimit 4 18446744073709551615 18446744073709551615",
        "rlimit 0 18446744073709551615 18446744073709551615",
        "rlimit 1 18446744073709551615 18446744073709551615",
        "rlimit 2 18446744073709551615 18446744073709551615",
        "rlimit 9 18446744073709551615 18446744073709551615",
        "rlimit 3 8388608 18446744073709551615",
        "rlimit 6 18446744073709551615 18446744073709551615",
        "rlimit 7 20000 20000",
        "rlimit 8 8388608 8388608",
        "oomScore 0",
        "pivot",
        "sysctl 0 net/ipv4/ip_unprivileged_port_start 0",
        "sysctl 0 net/ipv4/ping_group_range 0 2147483647",
        "readOnly 1 /proc/bus",
        "readOnly 1 /proc/fs",
        "readOnly 1 /proc/irq",
        "readOnly 1 /proc/sys",
        "readOnly 1 /proc/sysrq-trigger",
        "mask /proc/acpi",
        "mask /proc/asound",
        "mask /proc/interrupts",
        "mask /proc/kcore",
        "mask /proc/keys",
        "mask /proc/latency_stats",
        "mask /proc/sched_debug",
        "mask /proc/scsi",
        "mask /proc/timer_list",
        "mask /proc/timer_stats",
        "mask /sys/devices/virtual/powercap",
        "mask /sys/firmware",
        "umask 18",
        "workingDirectory /srv",
        "seccomp 0 0 <80 bytes>",
        "bounding 2818844155",
        "user 0 0 0 10",
        "capabilities 2818844155 2818844155 0",
        "environment PATH=/bin HOSTNAME=web LANG=C HOME=/root",
        "arguments /entry serve",
        "ready",
      ]
    `);
  });

  test('with no_new_privs the filter comes last, so that it need not allow the set-up', () => {
    const config = planContainer(request({ privileges: { noNewPrivileges: true } }), facts, paths, placement, []);
    const names = compileProcess(config, { uid: 0, gid: 0, groups: [], home: '/' }, Buffer.alloc(8)).map(([name]) => name);
    expect(names.slice(names.indexOf('noNewPrivileges'))).toEqual(['noNewPrivileges', 'bounding', 'user', 'capabilities', 'seccomp', 'environment', 'arguments', 'ready']);
  });

  test('shared sources are opened before the namespace leaves the peer group of the host', () => {
    const shared = { kind: 'bind', source: '/srv', target: '/data', isDirectory: true, recursive: true, readOnly: false, readOnlyRecursive: false, propagation: 'rshared', mayBeProc: false, replaceSymlink: false, copyUp: false } as const;
    const program = words(compileSandbox(planContainer(request(), facts, paths, placement, [{ mount: shared }])));
    const source = program.findIndex((line) => line.startsWith('openTree') && line.endsWith(' /srv'));
    expect(source).toBeGreaterThan(0);
    expect(source).toBeLessThan(program.findIndex((line) => line.startsWith('propagation')));
  });
});

describe('command', () => {
  const argv = (spec: Partial<ContainerRequest['spec']>, image: Partial<ContainerRequest['image']> = {}) => planProcess(request(spec, { image })).argv;

  test("follows Docker's rules of ENTRYPOINT and CMD", () => {
    expect(argv({})).toEqual(['/entry', 'serve']);
    expect(argv({ args: ['other'] })).toEqual(['/entry', 'other']);
    expect(argv({ command: ['/mine'] })).toEqual(['/mine']);
    expect(argv({ command: ['/mine'], args: ['a'] })).toEqual(['/mine', 'a']);
    expect(argv({ command: [''], args: ['a', 'b'] })).toEqual(['a', 'b']);
    expect(argv({ init: true })).toEqual(['/sbin/docker-init', '--', '/entry', 'serve']);
    expect(() => argv({}, { entrypoint: [], cmd: [] })).toThrow('no command specified');
  });

  test('environment replaces by key; a bare key unsets', () => {
    expect(planProcess(request({ env: ['LANG', 'A=1', 'PATH=/x'], tty: true })).env).toEqual(['PATH=/x', 'HOSTNAME=web', 'TERM=xterm', 'A=1']);
  });
});

describe('users', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\n# comment\napp:x:1000:1001::/home/app:\n123:x:55:55::/trap:\nbroken\n';
  const group = 'root:x:0:\nstaff:x:50:app,other\n456:x:66:\n';
  test.each([
    ['', { uid: 0, gid: 0, groups: [0], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, groups: [1001, 50], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, groups: [1001, 50], home: '/home/app' }],
    ['app:staff', { uid: 1000, gid: 50, groups: [50], home: '/home/app' }],
    [':staff', { uid: 0, gid: 50, groups: [50], home: '/root' }],
    ['123', { uid: 123, gid: 0, groups: [0], home: '/' }],
    ['00', { uid: 0, gid: 0, groups: [0], home: '/root' }],
    ['app:456', { uid: 1000, gid: 456, groups: [456], home: '/home/app' }],
    ['2147483647', { uid: 2147483647, gid: 0, groups: [0], home: '/' }],
  ])('%j', (spec, user) => expect(resolveUser(spec, [], passwd, group)).toEqual(user));

  test.each(['1000abc', '+0', ' 0', '-1', '4294967296', '2147483648', 'nobody', 'app:nogroup', 'a:b:c', 'app:4294967296'])('%j is refused', (spec) => {
    expect(() => resolveUser(spec, [], passwd, group)).toThrow();
    try {
      resolveUser(spec, [], passwd, group);
    } catch (error) {
      expect(isRefused(error, 'invalid')).toBe(true);
    }
  });
});

describe('capabilities', () => {
  test.each([
    [[], [], 0xa80425fbn],
    [['ALL'], ['SYS_ADMIN'], held & ~(1n << 21n)],
    [['CHOWN'], ['all'], 1n],
    [['chown'], ['CAP_CHOWN'], 0xa80425fbn],
    [[], ['CAP_MKNOD', 'net_raw'], 0xa80425fbn & ~(1n << 27n) & ~(1n << 13n)],
  ])('add %j drop %j', (adds, drops, set) => expect(capabilitySet(adds, drops, held)).toBe(set));

  test('unknown names, and what we do not hold, are refused', () => {
    expect(() => capabilitySet(['FLY'], [], held)).toThrow('unknown capability "FLY"');
    expect(() => capabilitySet(['SYS_RESOURCE'], [], held & ~(1n << 24n))).toThrow('the agent does not hold it');
  });
});

describe('limits', () => {
  test('defaults, replaced by name, clamped', () => {
    const limits = planRlimits([{ name: 'core', soft: 0, hard: -1 }], new Map([['nofile', 20000n]]));
    expect(limits.find(({ name }) => name === 'nofile')).toEqual({ name: 'nofile', soft: 20000n, hard: 20000n });
    expect(limits.find(({ name }) => name === 'core')).toEqual({ name: 'core', soft: 0n, hard: RLIM_INFINITY });
    expect(() => planRlimits([{ name: 'files', soft: 1, hard: 1 }], new Map())).toThrow('unknown ulimit "files"');
  });

  test('our own, read from the kernel', () => {
    const text = 'Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax open files            1024                 20000                files     \nMax nice priority         0                    0                    \n';
    expect(parseHardLimits(text)).toEqual(new Map([['cpu', RLIM_INFINITY], ['nofile', 20000n], ['nice', 0n]]));
  });

  test('sysctls', () => {
    expect(planSysctls({ 'net.ipv4.ip_unprivileged_port_start': '1024' })).toEqual([
      { path: 'net/ipv4/ping_group_range', value: '0 2147483647', mustExist: false },
      { path: 'net/ipv4/ip_unprivileged_port_start', value: '1024', mustExist: true },
    ]);
    for (const name of ['kernel.panic', 'net.../../kernel/panic', 'vm.swappiness']) expect(() => planSysctls({ [name]: '1' })).toThrow('is not allowed');
  });
});

describe('mounts', () => {
  test('parents before children; a VOLUME of the image yields', () => {
    const mounts = planUserMounts(request({ mounts: [{ type: 'tmpfs', target: '/a/b/c' }, { type: 'volume', source: 'v', target: '/a/' }] }, { image: { volumes: ['/a', '/x'] } }));
    expect(mounts.map(({ target, anonymous }) => [target, anonymous ?? false])).toEqual([['/a', false], ['/x', true], ['/a/b/c', false]]);
  });

  test.each([
    [{ type: 'tmpfs', target: '/a' }, { type: 'tmpfs', target: '/a/' }, 'duplicate mount point: /a'],
    [{ type: 'tmpfs', target: '/' }, undefined, 'nothing can be mounted over the root'],
    [{ type: 'tmpfs', target: 'a' }, undefined, 'it is not absolute'],
    [{ type: 'tmpfs', target: '/x/../proc/sys' }, undefined, 'inside /proc'],
    [{ type: 'bind', source: 'a', target: '/a' }, undefined, 'is not an absolute path'],
    [{ type: 'volume', source: '../a', target: '/a' }, undefined, 'is no volume name'],
    [{ type: 'cluster', source: 'a', target: '/a' }, undefined, 'of type "cluster" are not supported'],
  ] as const)('%j is refused', (first, second, message) => {
    expect(() => planUserMounts(request({ mounts: [first, ...(second ? [second] : [])] as never }))).toThrow(message);
  });

  test('a mount at /dev replaces all defaults below it', () => {
    const dev = { kind: 'bind', source: '/dev', target: '/dev', isDirectory: true, recursive: true, readOnly: false, readOnlyRecursive: false, propagation: 'rprivate', mayBeProc: false, replaceSymlink: false, copyUp: false } as const;
    const { mounts, devices } = planContainer(request(), facts, paths, placement, [{ mount: dev }]);
    expect(devices).toEqual([]);
    expect(mounts.filter(({ target }) => target.startsWith('/dev')).map(({ kind, target }) => `${kind} ${target}`)).toEqual(['bind /dev']);
  });

  test('files of /etc', () => {
    expect(planEtcFiles(request({ hosts: ['1.2.3.4 extra'] })).map(({ name, text }) => [name, text.split('\n').slice(-4).join('|')])).toEqual([
      ['hosts', 'ff02::2\tip6-allrouters|10.0.0.5\tweb|1.2.3.4 extra|'],
      ['hostname', 'web|'],
      ['resolv.conf', 'nameserver 127.0.0.11|search lan|options ndots:0|'],
    ]);
  });
});

describe('words', () => {
  test('exits', () => {
    const event = { event: 'exited', startErrno: 0, oomKilled: true, exitedAtMs: 5 } as const;
    expect(exitOf({ ...event, waitStatus: 0x2a00 }, '')).toEqual({ code: 42, oomKilled: true, exitedAtMs: 5 });
    expect(exitOf({ ...event, waitStatus: 9 }, '')).toEqual({ code: 137, signal: 9, oomKilled: true, exitedAtMs: 5 });
    expect(exitOf({ ...event, waitStatus: 0x7f00, startErrno: 2 }, 'x').startError).toBe('exec: "x": executable file not found in $PATH');
    expect(startFailureWords(8, '/x')).toContain('exec format error');
  });

  test.each([['SIGTERM', 15], ['term', 15], ['9', 9], ['SIGRTMIN+3', 37], ['RTMAX', 64], ['RTMAX-1', 63]])('signal %s', (name, number) => expect(signalNumber(name)).toBe(number));
  test.each(['', 'SIGFOO', '0', '65', '-1'])('signal %j is refused', (name) => expect(() => signalNumber(name)).toThrow('invalid signal'));
});
