import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { Refused } from '../../base/src/index.js';
import { parseCgroupLayout, type CgroupLayout } from './cgroup/layout.js';
import type { RlimitName } from './linux.js';
import { parseHardLimits } from './rlimits.js';

/** What plans depend on and only the machine knows. Probed once, when the runtime opens. */
export interface HostFacts {
  kernel: { major: number; minor: number };
  architecture: NodeJS.Architecture;
  heldCapabilities: bigint;
  hardLimits: ReadonlyMap<RlimitName, bigint>;
  cgroups: CgroupLayout;
  bootId: string;
  shimPath: string;
  /** The security modules that can label containers. */
  apparmor?: boolean;
  selinux?: boolean;
}

const cgroupMagic = { 1: 0x27e0eb, 2: 0x63677270 } as const;
const oldestKernel = { major: 5, minor: 14 };

export function probeHost(shimPath: string): HostFacts {
  const status = readFileSync('/proc/self/status', 'utf8');
  const facts: HostFacts = {
    kernel: parseRelease(release()),
    architecture: process.arch,
    heldCapabilities: BigInt('0x' + (/^CapPrm:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0')),
    hardLimits: parseHardLimits(readFileSync('/proc/self/limits', 'utf8')),
    cgroups: probeCgroups(),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    shimPath,
    apparmor: isEnabled('/sys/module/apparmor/parameters/enabled'),
    selinux: existsSync('/sys/fs/selinux/enforce'),
  };
  refuseOldKernel(facts.kernel);
  return facts;
}

/** A directory below /sys/fs/cgroup may be plain tmpfs where nothing is mounted; making groups there would make files. */
export function probeCgroups(): CgroupLayout {
  const layout = parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'), (mountPoint) =>
    readFileSync(`${mountPoint}/cgroup.controllers`, 'utf8').split(/\s+/).filter(Boolean),
  );
  return { trees: layout.trees.filter((tree) => statfsSync(tree.mountPoint).type === cgroupMagic[tree.version]) };
}

function isEnabled(path: string): boolean {
  return existsSync(path) && readFileSync(path, 'utf8').startsWith('Y');
}

function parseRelease(text: string): HostFacts['kernel'] {
  const [major = 0, minor = 0] = text.split('.').map((part) => parseInt(part, 10));
  return { major, minor };
}

/** mount_setattr and cgroup.kill are what the shim cannot do without. */
function refuseOldKernel(kernel: HostFacts['kernel']): void {
  const { major, minor } = oldestKernel;
  if (isAtLeast(kernel, major, minor)) return;
  throw new Refused('unsupported', `this kernel is ${kernel.major}.${kernel.minor}; containers need Linux ${major}.${minor} or newer`);
}

export function isAtLeast(kernel: HostFacts['kernel'], major: number, minor: number): boolean {
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}
