import { join } from 'node:path';
import { Refused } from '../../base/src/index.js';
import { capabilitySet, containerCapabilities } from './capabilities.js';
import type { BindMount, CgroupPlacement, ContainerConfig, MountSource, NamespacePlan, PlannedMount } from './container-config.js';
import { cgroupLinks, defaultMounts, deviceLinks, deviceNodes, maskedPaths, readonlyPaths } from './default-mounts.js';
import { isAtLeast, type HostFacts } from './host-facts.js';
import { initPath, planProcess } from './process-plan.js';
import type { LogPlan } from './log-plan.js';
import { planRlimits } from './rlimits.js';
import type { ContainerRequest } from './runtime.js';
import { planSysctls } from './sysctls.js';

export interface ContainerPaths {
  /** Of the container: its root's mount point, records and socket are in it. */
  directory: string;
  /** Its writable layer. */
  layer: string;
  /** What every root needs and few images have: the bottom of all. */
  skeleton: string;
  log: LogPlan;
}

/** Stay writable under a read-only root. */
const writableDefaults = new Set(['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys/fs/cgroup']);
const maxHostnameBytes = 64;

/** Decides everything about one container. Pure: what the machine has to say is in `facts`, `cgroups` and `sources`. */
export function planContainer(
  request: ContainerRequest,
  facts: HostFacts,
  paths: ContainerPaths,
  cgroups: CgroupPlacement,
  sources: readonly MountSource[],
): ContainerConfig {
  const { spec } = request;
  const { directory } = paths;
  if (Buffer.byteLength(request.hostname) > maxHostnameBytes) throw new Refused('invalid', `the hostname "${request.hostname}" is longer than ${maxHostnameBytes} bytes`);
  const ownDev = !sources.some(({ mount }) => mount.target === '/dev');
  return {
    id: request.id,
    hostname: request.hostname,
    directory,
    log: paths.log,
    root: {
      mountPoint: join(directory, 'rootfs'),
      readOnly: spec.readOnly ?? false,
      overlay: {
        lowerDirs: [...request.image.layerDirs, paths.skeleton],
        upperDir: join(paths.layer, 'upper'),
        workDir: join(paths.layer, 'work'),
        appendLayers: isAtLeast(facts.kernel, 6, 7),
      },
    },
    namespaces: planNamespaces(request),
    cgroups,
    mounts: planMounts(request, facts, directory, sources),
    memoryFiles: { directory: join(directory, 'files'), files: planMemoryFiles(request) },
    emptyFiles: ['/.dockerenv'],
    devices: ownDev ? [...deviceNodes] : [],
    links: [...(ownDev ? deviceLinks : []), { path: '/etc/mtab', text: '/proc/mounts' }, ...cgroupLinks(facts.cgroups)],
    maskedPaths: [...maskedPaths],
    readonlyPaths: [...readonlyPaths],
    sysctls: planSysctls(spec.sysctls),
    rlimits: planRlimits(spec.ulimits, facts.hardLimits),
    oomScoreAdj: planOomScore(spec.oomScoreAdj ?? 0),
    capabilities: containerCapabilities(capabilitySet(spec.capabilityAdd, spec.capabilityDrop, facts.heldCapabilities)),
    noNewPrivileges: spec.privileges?.noNewPrivileges ?? false,
    seccomp: 'default',
    labels: {},
    process: planProcess(request),
  };
}

function planNamespaces({ netnsPath }: ContainerRequest): NamespacePlan[] {
  return [{ kind: 'pid' }, { kind: 'network', path: netnsPath }, { kind: 'mount' }, { kind: 'uts' }, { kind: 'ipc' }, { kind: 'cgroup' }];
}

/** A user's mount replaces the default at the same place; one at /dev replaces all below it. */
function planMounts(request: ContainerRequest, facts: HostFacts, directory: string, sources: readonly MountSource[]): PlannedMount[] {
  const users = sources.map(({ mount }) => mount);
  const targets = new Set(users.map(({ target }) => target));
  const readOnly = request.spec.readOnly ?? false;
  const defaults = defaultMounts(facts.cgroups)
    .filter(({ target }) => !targets.has(target) && !(targets.has('/dev') && target.startsWith('/dev/')))
    .map((mount): PlannedMount => (readOnly && !writableDefaults.has(mount.target) && !mount.attributes.includes('RDONLY') ? { ...mount, attributes: [...mount.attributes, 'RDONLY'] } : mount));
  const etc = ['resolv.conf', 'hostname', 'hosts']
    .filter((name) => !targets.has(`/etc/${name}`))
    .map((name) => fileBind(join(directory, name), `/etc/${name}`, readOnly));
  const init = request.spec.init ? [fileBind(facts.shimPath, initPath, true)] : [];
  return [...defaults, ...init, ...etc, ...users];
}

function fileBind(source: string, target: string, readOnly: boolean): BindMount {
  return { kind: 'bind', source, target, isDirectory: false, recursive: false, readOnly, readOnlyRecursive: false, propagation: 'rprivate', mayBeProc: false, replaceSymlink: true, copyUp: false };
}

function planMemoryFiles({ files }: ContainerRequest): ContainerConfig['memoryFiles']['files'] {
  return files.map(({ target, data, uid, gid, mode }) => {
    if (!target.startsWith('/')) throw new Refused('invalid', `the target "${target}" of a secret or config is not absolute`);
    return { target, data, uid, gid, mode };
  });
}

function planOomScore(score: number): number {
  if (!Number.isInteger(score) || score < -1000 || score > 1000) throw new Refused('invalid', `invalid oom score ${score}: it goes from -1000 to 1000`);
  return score;
}
