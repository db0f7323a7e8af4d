import { basename, dirname, join } from 'node:path';
import { Refused } from '../../base/src/index.js';
import type { CgroupLayout } from './cgroup/layout.js';
import type { BindMount, CgroupPlacement, ContainerConfig, IdMap, MountSource, PlannedMount } from './container-config.js';
import { cgroupLinks, defaultMounts, deviceLinks, deviceNodes } from './default-mounts.js';
import { isAtLeast, type HostFacts } from './host-facts.js';
import { noFindings, planIsolation, type IsolationFindings, type NamespaceModes } from './isolation-plan.js';
import { hostId } from './namespaces.js';
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
  findings: IsolationFindings = noFindings,
): ContainerConfig {
  const { spec } = request;
  const { modes, ...isolation } = planIsolation(request, facts, findings);
  const { idMap } = isolation;
  const { directory } = paths;
  if (Buffer.byteLength(request.hostname) > maxHostnameBytes) throw new Refused('invalid', `the hostname "${request.hostname}" is longer than ${maxHostnameBytes} bytes`);
  const ownDev = !sources.some(({ mount }) => mount.target === '/dev');
  return {
    id: request.id,
    ...isolation,
    ...(modes.uts.kind === 'host' ? {} : planNames(request)),
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
    cgroups,
    mounts: planMounts(request, facts, directory, sources, { modes, findings, cgroups, idMap }),
    memoryFiles: { directory: join(directory, 'files'), files: planMemoryFiles(request) },
    emptyFiles: ['/.dockerenv'],
    devices: [...(ownDev ? deviceNodes : []), ...findings.devices.map(({ node }) => node)],
    links: [...(ownDev ? deviceLinks : []), { path: '/etc/mtab', text: '/proc/mounts' }, ...cgroupLinks(facts.cgroups)],
    sysctls: planSysctls(spec.sysctls, { network: modes.network.kind !== 'host', ipc: modes.ipc.kind !== 'host' }),
    rlimits: planRlimits(spec.ulimits, facts.hardLimits),
    oomScoreAdj: planOomScore(spec.oomScoreAdj ?? 0),
    process: planProcess(request),
  };
}

function planNames({ hostname, spec: { domainname } }: ContainerRequest): Pick<ContainerConfig, 'hostname' | 'domainname'> {
  return { hostname, ...(domainname ? { domainname } : {}) };
}

interface MountContext {
  modes: NamespaceModes;
  findings: IsolationFindings;
  cgroups: CgroupPlacement;
  idMap: IdMap | undefined;
}

/** A user's mount replaces the default at the same place; one at /dev replaces all below it. */
function planMounts(request: ContainerRequest, facts: HostFacts, directory: string, sources: readonly MountSource[], context: MountContext): PlannedMount[] {
  const { spec } = request;
  const { modes, findings, idMap } = context;
  const users = sources.map(({ mount, volume }) => (idMap && volume !== undefined ? { ...mount, idMap: containersOwn } : mount));
  const targets = new Set(users.map(({ target }) => target));
  const isFree = (target: string) => !targets.has(target) && !(targets.has('/dev') && target.startsWith('/dev/'));
  const readOnly = spec.readOnly ?? false;
  const shared = sharedIpcMounts(modes, findings, request).filter(({ target }) => isFree(target));
  const replaced = new Set(shared.map(({ target }) => target));
  if (modes.ipc.kind === 'none') replaced.add('/dev/shm');
  const ttyGroup = hostId(idMap?.gids, ttyGid);
  const defaults = defaultMounts(facts.cgroups, { privileged: spec.privileged ?? false, shmSizeBytes: spec.shmSizeBytes, ...(ttyGroup === undefined ? {} : { ttyGroup }) })
    .filter(({ target, type }) => isFree(target) && !replaced.has(target) && !(modes.cgroup.kind === 'host' && (type === 'cgroup' || type === 'cgroup2')))
    .map((mount): PlannedMount => (readOnly && !writableDefaults.has(mount.target) && !mount.attributes.includes('RDONLY') ? { ...mount, attributes: [...mount.attributes, 'RDONLY'] } : mount));
  const etc = ['resolv.conf', 'hostname', 'hosts']
    .filter((name) => !targets.has(`/etc/${name}`))
    .map((name): BindMount => ({ ...fileBind(join(directory, name), `/etc/${name}`, readOnly), ...(idMap ? { idMap: containersOwn } : {}) }));
  const init = spec.init ? [fileBind(facts.shimPath, initPath, true)] : [];
  return [...defaults, ...hostCgroupMounts(context, facts.cgroups, spec.privileged ?? false), ...shared, ...init, ...etc, ...users];
}

const ttyGid = 5;
/** The ids of the container's own user namespace. */
const containersOwn: IdMap = { uids: [], gids: [] };

/** Without a cgroup namespace a hierarchy would show all groups of the host: only the container's own is bound. */
function hostCgroupMounts({ modes, cgroups }: MountContext, { trees }: CgroupLayout, privileged: boolean): BindMount[] {
  if (modes.cgroup.kind !== 'host') return [];
  const bind = (group: string, target: string): BindMount => ({ ...directoryBind(group, target), readOnly: !privileged, attributes: ['NOSUID', 'NODEV', 'NOEXEC'] });
  const v1 = trees.filter(({ version }) => version === 1);
  if (v1.length === 0) return cgroups.unifiedDirectory ? [bind(cgroups.unifiedDirectory, '/sys/fs/cgroup')] : [];
  return cgroups.procsFiles.map(dirname).flatMap((group) => {
    const tree = v1.find(({ mountPoint }) => group.startsWith(`${mountPoint}/`));
    return tree ? [bind(group, `/sys/fs/cgroup/${basename(tree.mountPoint)}`)] : [];
  });
}

/** Shared memory goes with the ipc namespace: the host's, or that of the container that is joined. */
function sharedIpcMounts({ ipc }: NamespaceModes, { joined }: IsolationFindings, { spec }: ContainerRequest): BindMount[] {
  if (ipc.kind === 'host') return [directoryBind('/dev/shm', '/dev/shm')];
  if (ipc.kind !== 'container') return [];
  if (spec.shmSizeBytes) throw new Refused('invalid', 'the size of /dev/shm is that of the container whose ipc namespace is joined');
  return [{ ...directoryBind('/dev/shm', '/dev/shm'), sourceNamespace: joined.ipc!.replace(/ipc$/, 'mnt') }];
}

function directoryBind(source: string, target: string): BindMount {
  return { ...fileBind(source, target, false), isDirectory: true, replaceSymlink: false };
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
