import { posix } from 'node:path';
import type { CgroupLayout } from './cgroup/layout.js';
import type { FilesystemMount } from './container-config.js';

const defaultShmBytes = 64 << 20;

export interface DefaultMountOptions {
  /** /sys and the cgroups can be written to. */
  privileged?: boolean;
  shmSizeBytes?: number | undefined;
  /** Ids of the host for the group `tty`, in a user namespace. */
  ttyGroup?: number;
}

/** Docker's defaults, in order. With a read-only root, what is not in `writableDefaults` is read-only, too. */
export function defaultMounts(cgroups: CgroupLayout, options: DefaultMountOptions = {}): FilesystemMount[] {
  const { privileged = false, shmSizeBytes = defaultShmBytes, ttyGroup = 5 } = options;
  const system: FilesystemMount['attributes'] = [...(privileged ? [] : (['RDONLY'] as const)), 'NOSUID', 'NODEV', 'NOEXEC'];
  return [
    filesystem('proc', '/proc', ['source=proc'], ['NOSUID', 'NODEV', 'NOEXEC']),
    filesystem('tmpfs', '/dev', ['source=tmpfs', 'mode=755', 'size=65536k'], ['NOSUID', 'STRICTATIME']),
    filesystem('devpts', '/dev/pts', ['source=devpts', 'ptmxmode=0666', 'mode=0620', `gid=${ttyGroup}`], ['NOSUID', 'NOEXEC']),
    filesystem('sysfs', '/sys', ['source=sysfs', ...(privileged ? [] : ['ro'])], system),
    ...cgroupMounts(cgroups, system),
    filesystem('mqueue', '/dev/mqueue', ['source=mqueue'], ['NOSUID', 'NODEV', 'NOEXEC']),
    filesystem('tmpfs', '/dev/shm', ['source=shm', 'mode=1777', `size=${shmSizeBytes}`], ['NOSUID', 'NODEV', 'NOEXEC']),
  ];
}

/** v2 alone: its tree. Otherwise a directory with one mount for each v1 hierarchy, as their namespace shows them. */
function cgroupMounts({ trees }: CgroupLayout, attributes: FilesystemMount['attributes']): FilesystemMount[] {
  const v1 = trees.filter(({ version }) => version === 1);
  if (v1.length === 0) {
    return trees.length === 0 ? [] : [filesystem('cgroup2', '/sys/fs/cgroup', ['source=cgroup'], attributes)];
  }
  return [
    filesystem('tmpfs', '/sys/fs/cgroup', ['source=tmpfs', 'mode=755'], ['NOSUID', 'NODEV', 'NOEXEC']),
    ...v1.map((tree) => {
      const options = ['source=cgroup', ...tree.controllers, ...(tree.name ? [`name=${tree.name}`] : [])];
      return filesystem('cgroup', `/sys/fs/cgroup/${posix.basename(tree.mountPoint)}`, options, attributes);
    }),
  ];
}

/** `cpu` → `cpu,cpuacct` where one hierarchy carries both. */
export function cgroupLinks({ trees }: CgroupLayout): { path: string; text: string }[] {
  return trees
    .filter((tree) => tree.version === 1 && tree.controllers.length > 1)
    .flatMap((tree) => {
      const text = posix.basename(tree.mountPoint);
      return tree.controllers.filter((name) => name !== text).map((name) => ({ path: `/sys/fs/cgroup/${name}`, text }));
    });
}

function filesystem(type: string, target: string, options: string[], attributes: FilesystemMount['attributes']): FilesystemMount {
  return { kind: 'filesystem', type, target, options, attributes, noSymlinks: true };
}

export const maskedPaths = [
  '/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/sched_debug', '/proc/scsi',
  '/proc/timer_list', '/proc/timer_stats', '/sys/devices/virtual/powercap', '/sys/firmware',
] as const;

export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

export const deviceNodes = [
  { path: '/dev/null', major: 1, minor: 3, mode: 0o666 },
  { path: '/dev/zero', major: 1, minor: 5, mode: 0o666 },
  { path: '/dev/full', major: 1, minor: 7, mode: 0o666 },
  { path: '/dev/random', major: 1, minor: 8, mode: 0o666 },
  { path: '/dev/urandom', major: 1, minor: 9, mode: 0o666 },
  { path: '/dev/tty', major: 5, minor: 0, mode: 0o666 },
] as const;

export const deviceLinks = [
  { path: '/dev/ptmx', text: 'pts/ptmx' },
  { path: '/dev/fd', text: '/proc/self/fd' },
  { path: '/dev/stdin', text: '/proc/self/fd/0' },
  { path: '/dev/stdout', text: '/proc/self/fd/1' },
  { path: '/dev/stderr', text: '/proc/self/fd/2' },
] as const;
