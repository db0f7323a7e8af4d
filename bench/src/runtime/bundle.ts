import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capabilityNames } from '../../../libs/runtime/src/capabilities.js';
import { maskedPaths, readonlyPaths } from '../../../libs/runtime/src/default-mounts.js';
import { probeHost } from '../../../libs/runtime/src/host-facts.js';
import type { OciMount, OciSeccomp, OciSpec } from '../../../libs/runtime/src/oci/spec.js';
import dockerDefault from '../../../libs/runtime/src/seccomp/docker-default.json' with { type: 'json' };
import { expandProfile, type Condition, type SeccompProfile } from '../../../libs/runtime/src/seccomp/profile.js';

/** Docker's fourteen capabilities. */
const dockerCapabilities = 0xa80425fbn;

/**
 * `config.json` as dockerd writes it for `docker run busybox true`: its mounts, masks, capabilities and seccomp profile, limits of memory and
 * pids. Namespaces: mount, uts, ipc, network, pid and cgroup, all new.
 */
export function dockerLikeSpec(shimPath: string): OciSpec {
  const capabilities = [...capabilityNames(dockerCapabilities)];
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/bin/true'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOSTNAME=bench', 'HOME=/root'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      oomScoreAdj: 0,
    },
    root: { path: 'rootfs' },
    hostname: 'bench',
    mounts: mounts(),
    linux: {
      resources: {
        devices: [{ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' }],
        memory: { limit: 256 << 20 },
        pids: { limit: 100 },
      },
      namespaces: [{ type: 'mount' }, { type: 'uts' }, { type: 'ipc' }, { type: 'network' }, { type: 'pid' }, { type: 'cgroup' }],
      seccomp: seccomp(shimPath),
      maskedPaths: [...maskedPaths],
      readonlyPaths: [...readonlyPaths],
    },
  };
}

function mounts(): OciMount[] {
  const plain = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: plain },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...plain, 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...plain, 'ro'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: plain },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...plain, 'mode=1777', 'size=67108864'] },
  ];
}

/** As dockerd hands it on: one rule for all that is simply allowed, one for each condition. */
function seccomp(shimPath: string): OciSeccomp {
  const { rules } = expandProfile(dockerDefault as SeccompProfile, dockerCapabilities, probeHost(shimPath));
  const allowed = rules.filter(({ action }) => action.kind === 'allow');
  const always = allowed.filter(({ conditions }) => conditions.length === 0).map(({ name }) => name);
  const sometimes = allowed.filter(({ conditions }) => conditions.length > 0);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [
      { names: [...new Set(always)], action: 'SCMP_ACT_ALLOW' },
      ...sometimes.map(({ name, conditions }) => ({ names: [name], action: 'SCMP_ACT_ALLOW', args: conditions.map(argument) })),
    ],
  };
}

function argument({ index, operator, value, valueTwo }: Condition) {
  return { index, op: `SCMP_CMP_${operator}`, value: Number(value), valueTwo: Number(valueTwo) };
}

/** A bundle whose root stands already, as containerd hands it to runc. */
export function writeBundle(directory: string, spec: OciSpec): void {
  mkdirSync(join(directory, 'rootfs'), { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
}
