import { resolve } from 'node:path';
import { Refused } from '../../../base/src/index.js';
import type { CgroupPlacement, ContainerConfig, DeviceNode, Hooks, IdMap, NamespaceKind, NamespacePlan, Personality, TimeOffset } from '../container-config.js';
import { deviceLinks, deviceNodes } from '../default-mounts.js';
import type { HostFacts } from '../host-facts.js';
import { noLog } from '../log-plan.js';
import { hostId } from '../namespaces.js';
import { convertIdMap, convertMounts } from './mounts.js';
import { convertProcess } from './process.js';
import { convertSeccomp } from './seccomp.js';
import type { OciDevice, OciLinux, OciProcess, OciSpec } from './spec.js';

export interface BundlePlace {
  id: string;
  bundle: string;
  /** The container's folder of ours. */
  directory: string;
  /** Below each hierarchy's root. */
  cgroupPath: string;
  preservedDescriptors: number;
  /** Ours, as `K=V`. */
  hostEnvironment: string[];
}

/** A bundle's `config.json` as the config that every container of ours is launched from. Pure but for the sources of binds, which are looked at. */
export function convertSpec(spec: OciSpec, place: BundlePlace, facts: HostFacts, cgroups: CgroupPlacement): ContainerConfig {
  const linux = spec.linux ?? {};
  const namespaces = convertNamespaces(linux.namespaces ?? []);
  const idMap = linux.uidMappings && linux.gidMappings && linux.uidMappings.length > 0 ? convertIdMap(linux.uidMappings, linux.gidMappings) : undefined;
  const part = convertProcess(spec.process ?? withoutProgram, place.preservedDescriptors, facts.heldCapabilities);
  const isOwn = (kind: NamespaceKind) => namespaces.some((namespace) => namespace.kind === kind && !namespace.path);
  if (!namespaces.some(({ kind }) => kind === 'mount')) throw new Refused('unsupported', 'a container without a mount namespace is not supported: add {"type": "mount"} to linux.namespaces');
  const { mounts, links, readOnlyMounts } = convertMounts(spec.mounts ?? [], {
    bundle: place.bundle, cgroups: facts.cgroups, cgroupPath: place.cgroupPath, ownCgroupNamespace: isOwn('cgroup'), ownUserNamespace: isOwn('user'),
  });
  if (idMap) for (const mount of mounts) if (mount.kind === 'filesystem') mount.options = mount.options.map((option) => hostOwnerOption(option, idMap));
  const ownDev = !mounts.some((mount) => mount.kind === 'bind' && mount.target === '/dev');
  return {
    id: place.id,
    ...(spec.hostname ? { hostname: spec.hostname } : {}),
    ...(spec.domainname ? { domainname: spec.domainname } : {}),
    directory: place.directory,
    log: noLog,
    root: {
      mountPoint: resolve(place.bundle, spec.root!.path),
      readOnly: spec.root!.readonly ?? false,
      ...propagationOf(linux),
    },
    namespaces,
    ...(isOwn('user') && isOwn('mount') && !namespaces.some(({ kind, path }) => kind === 'pid' && path) ? { userOwnsNamespaces: true } : {}),
    ...(idMap ? { idMap } : {}),
    ...(linux.timeOffsets ? { timeOffsets: convertTimeOffsets(linux.timeOffsets) } : {}),
    cgroups,
    mounts,
    memoryFiles: { directory: '', files: [] },
    emptyFiles: [],
    devices: ownDev ? convertDevices(linux.devices ?? []) : [],
    links: [...(ownDev ? deviceLinks : []), ...links],
    maskedPaths: linux.maskedPaths ?? [],
    readonlyPaths: linux.readonlyPaths ?? [],
    readOnlyMounts,
    sysctls: convertSysctls(linux.sysctl ?? {}, namespaces),
    seccomp: convertSeccomp(linux.seccomp),
    ...(spec.hooks ? { hooks: convertHooks(spec.hooks, place.hostEnvironment) } : {}),
    ...(linux.personality ? { personality: convertPersonality(linux.personality) } : {}),
    ...part,
    labels: { ...part.labels, ...(linux.mountLabel ? { selinuxMount: linux.mountLabel } : {}) },
  };
}

/** A config without a process can be created, and not started: nobody will execute this. */
const withoutProgram: OciProcess = { cwd: '/', args: ['/'] };

/** Mounts are made by the host's root, `uid=` and `gid=` are the container's. */
function hostOwnerOption(option: string, { uids, gids }: IdMap): string {
  const [, name, id] = /^(uid|gid)=(\d+)$/.exec(option) ?? [];
  if (!name) return option;
  const host = hostId(name === 'uid' ? uids : gids, Number(id));
  if (host === undefined) throw new Refused('invalid', `the mount option "${option}" is outside of the container's user namespace`);
  return `${name}=${host}`;
}

const kinds = new Set<NamespaceKind>(['mount', 'uts', 'ipc', 'network', 'pid', 'user', 'cgroup', 'time']);

export function convertNamespaces(given: readonly { type: string; path?: string }[]): NamespacePlan[] {
  const seen = new Set<string>();
  return given.map(({ type, path }) => {
    if (!kinds.has(type as NamespaceKind)) throw new Refused('invalid', `namespace "${type}" does not exist: known are ${[...kinds].join(', ')}`);
    if (seen.has(type)) throw new Refused('invalid', `malformed spec file: duplicated ns "${type}"`);
    seen.add(type);
    if (path && !path.startsWith('/')) throw new Refused('invalid', `the path "${path}" of the ${type} namespace is not absolute`);
    return { kind: type as NamespaceKind, ...(path ? { path } : {}) };
  });
}

const propagations = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable', 'runbindable']);

function propagationOf({ rootfsPropagation }: OciLinux): Pick<ContainerConfig['root'], 'propagation'> {
  if (!rootfsPropagation) return {};
  if (!propagations.has(rootfsPropagation)) throw new Refused('invalid', `rootfsPropagation=${rootfsPropagation} is not supported`);
  return { propagation: rootfsPropagation as NonNullable<ContainerConfig['root']['propagation']> };
}

/** The bundle's, and those of the usual ones that it does not have itself. */
function convertDevices(devices: readonly OciDevice[]): DeviceNode[] {
  const own = devices.map(convertDevice);
  const paths = new Set(own.map(({ path }) => path));
  return [...deviceNodes.filter(({ path }) => !paths.has(path)), ...own];
}

function convertDevice({ path, type, major = -1, minor = -1, fileMode = 0o666, uid, gid }: OciDevice): DeviceNode {
  if (!path) throw new Refused('invalid', 'a device of linux.devices has no path');
  if (type !== 'b' && type !== 'c' && type !== 'u' && type !== 'p') throw new Refused('invalid', `invalid type "${type}" of the device ${path}: c, b, u or p`);
  const owner = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  if (type === 'p') return { path, type, major: 0, minor: 0, mode: fileMode & 0o7777, ...owner };
  if (major < 0 || minor < 0) throw new Refused('invalid', `the device ${path} of linux.devices has no major and minor number`);
  return { path, type, major, minor, mode: fileMode & 0o7777, ...owner };
}

function convertTimeOffsets(offsets: NonNullable<OciLinux['timeOffsets']>): TimeOffset[] {
  return Object.entries(offsets).map(([clock, { secs = 0, nanosecs = 0 }]) => {
    if (clock !== 'monotonic' && clock !== 'boottime') throw new Refused('invalid', `invalid clock "${clock}" in linux.timeOffsets: monotonic or boottime`);
    return { clock, seconds: BigInt(secs), nanoseconds: nanosecs };
  });
}

/** Only what a namespace of the container's own keeps from everybody else. */
function convertSysctls(sysctls: Record<string, string>, namespaces: readonly NamespacePlan[]): ContainerConfig['sysctls'] {
  const has = (kind: NamespaceKind) => namespaces.some((namespace) => namespace.kind === kind);
  return Object.entries(sysctls).map(([name, value]) => {
    const dotted = name.replaceAll('/', '.');
    const owner = sysctlOwner(dotted);
    if (!owner) throw new Refused('forbidden', `sysctl "${name}" is not in a separate kernel namespace`);
    if (!has(owner)) throw new Refused('forbidden', `sysctl "${name}" is not allowed in the hosts ${owner} namespace`);
    if (dotted === 'kernel.hostname') throw new Refused('invalid', `sysctl "${name}" conflicts with the field "hostname" of config.json`);
    return { path: name.includes('/') ? name : name.replaceAll('.', '/'), value, mustExist: true };
  });
}

const ipcSysctls = new Set(['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmall', 'kernel.shmmax', 'kernel.shmmni', 'kernel.shm_rmid_forced']);

function sysctlOwner(name: string): NamespaceKind | undefined {
  if (ipcSysctls.has(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  if (name.startsWith('net.')) return 'network';
  if (name === 'kernel.domainname' || name === 'kernel.hostname') return 'uts';
  return undefined;
}

/** @param hostEnvironment what a hook without an environment of its own gets */
export function convertHooks(hooks: NonNullable<OciSpec['hooks']>, hostEnvironment: string[]): Hooks {
  return Object.fromEntries(
    Object.entries(hooks).map(([point, list]) => [
      point,
      list.map(({ path, args = [], env, timeout }) => ({ path, args, env: env ?? hostEnvironment, ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }) })),
    ]),
  );
}

function convertPersonality({ domain, flags = [] }: NonNullable<OciLinux['personality']>): Personality {
  if (flags.length > 0) throw new Refused('unsupported', `linux.personality.flags ${flags.join(', ')} are not supported`);
  if (domain === 'LINUX') return { domain: 0 };
  if (domain === 'LINUX32') return { domain: 8 };
  throw new Refused('invalid', `invalid linux.personality.domain "${domain}": LINUX or LINUX32`);
}
