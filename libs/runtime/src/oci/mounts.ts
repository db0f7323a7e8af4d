import { statSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import { isErrno, Refused } from '../../../base/src/index.js';
import type { BindMount, FilesystemMount, IdMap, MountOptions, PlannedMount } from '../container-config.js';
import type { CgroupLayout, CgroupTree } from '../cgroup/layout.js';
import type { MountAttribute } from '../linux.js';
import { mayCoverProc } from '../user-mounts.js';
import { mountPropagation, sortOptions, type SortedOptions } from './mount-options.js';
import type { OciIdMapping, OciMount } from './spec.js';

export interface MountContext {
  bundle: string;
  cgroups: CgroupLayout;
  /** The container's own groups, below each hierarchy's root. */
  cgroupPath: string;
  /** It has a cgroup namespace of its own, whose roots are those groups. */
  ownCgroupNamespace: boolean;
  /** It has a user namespace of its own: the host's filesystems cannot be mounted anew. */
  ownUserNamespace: boolean;
}

/** The mounts of a bundle in their order. `cgroup` becomes what this machine has under that name. */
export function convertMounts(mounts: readonly OciMount[], context: MountContext): { mounts: PlannedMount[]; links: { path: string; text: string }[]; readOnlyMounts: string[] } {
  const links = mounts.filter(({ type }) => type === 'cgroup').flatMap(({ destination }) => cgroupLinks(destination, context.cgroups));
  const planned = mounts.flatMap((mount) => convertMount(mount, context));
  // Nodes and other mounts are made below these.
  const late = planned.filter((mount) => mount.kind === 'filesystem' && mount.type === 'tmpfs' && mount.attributes.includes('RDONLY') && (mount.target === '/dev' || mount.target === '/sys/fs/cgroup'));
  for (const mount of late) if (mount.kind === 'filesystem') mount.attributes = mount.attributes.filter((name) => name !== 'RDONLY');
  return { mounts: planned, links, readOnlyMounts: late.map(({ target }) => target) };
}

function convertMount(mount: OciMount, context: MountContext): PlannedMount[] {
  const options = sortOptions(mount.options ?? []);
  const target = posix.join('/', mount.destination);
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') return cgroupMounts(target, options, context);
  if (options.bind || mount.type === 'bind') return [bindMount(mount, target, options, context)];
  return [filesystemMount(mount, target, options)];
}

function filesystemMount({ type, source }: OciMount, target: string, options: SortedOptions): FilesystemMount {
  if (!type) throw new Refused('invalid', `the mount at ${target} has neither a type nor the option "bind"`);
  const propagation = mountPropagation(options);
  const data = type === 'sysfs' || type === 'proc' || type === 'mqueue' ? options.data.filter((option) => option !== 'newinstance') : options.data;
  return {
    kind: 'filesystem',
    type,
    target,
    options: [`source=${source ?? type}`, ...(type === 'devpts' ? data.filter((option) => option !== 'newinstance') : data), ...(options.readOnlyFilesystem && type === 'sysfs' ? ['ro'] : [])],
    attributes: [...options.set],
    ...common(options),
    ...(propagation ? { propagation } : {}),
    ...(type === 'proc' || type === 'sysfs' ? { noSymlinks: true } : {}),
    ...(options.copyUp ? { copyUp: true } : {}),
  };
}

function bindMount(mount: OciMount, target: string, options: SortedOptions, context: MountContext): BindMount {
  const source = resolve(context.bundle, mount.source ?? '');
  const attributes = [...options.set].filter((name) => name !== 'RDONLY');
  return {
    kind: 'bind',
    source,
    target,
    isDirectory: isDirectory(source, target),
    recursive: options.bind !== 'bind',
    readOnly: options.set.has('RDONLY'),
    readOnlyRecursive: false,
    ...(attributes.length > 0 ? { attributes } : {}),
    ...common(options),
    ...idMapOf(mount, options),
    propagation: mountPropagation(options) ?? 'rprivate',
    mayBeProc: mayCoverProc(target),
    replaceSymlink: false,
    copyUp: false,
  };
}

function isDirectory(source: string, target: string): boolean {
  try {
    return statSync(source).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw new Refused('not-found', `cannot mount ${source} at ${target}: no such file or directory`);
    throw error;
  }
}

function common({ clear, setRecursive, clearRecursive }: SortedOptions): MountOptions {
  const list = (set: Set<MountAttribute>) => [...set];
  return {
    ...(clear.size > 0 ? { clearAttributes: list(clear) } : {}),
    ...(setRecursive.size > 0 ? { recursiveAttributes: list(setRecursive) } : {}),
    ...(clearRecursive.size > 0 ? { clearRecursiveAttributes: list(clearRecursive) } : {}),
  };
}

function idMapOf({ uidMappings, gidMappings }: OciMount, { idMapped }: SortedOptions): Pick<MountOptions, 'idMap'> {
  if (!uidMappings || !gidMappings) return {};
  return { idMap: { ...convertIdMap(uidMappings, gidMappings), ...(idMapped === 'ridmap' ? { recursive: true } : {}) } };
}

export function convertIdMap(uids: readonly OciIdMapping[], gids: readonly OciIdMapping[]): IdMap {
  const ranges = (mappings: readonly OciIdMapping[]) => mappings.map(({ containerID, hostID, size }) => ({ containerId: containerID, hostId: hostID, size }));
  return { uids: ranges(uids), gids: ranges(gids) };
}

/**
 * v2 alone: its tree. Otherwise a tmpfs with one mount for each v1 hierarchy; without a cgroup namespace the container's
 * own groups are bound there, so that it sees no others.
 */
function cgroupMounts(target: string, options: SortedOptions, context: MountContext): PlannedMount[] {
  const { trees } = context.cgroups;
  const v1 = trees.filter(({ version }) => version === 1);
  const attributes = [...options.set];
  if (v1.length === 0) {
    const unified = trees[0];
    if (!unified) return [];
    if (context.ownCgroupNamespace) return [{ kind: 'filesystem', type: 'cgroup2', target, options: ['source=cgroup'], attributes }];
    return [groupBind(unified.mountPoint, context.cgroupPath, target, attributes)];
  }
  return [
    { kind: 'filesystem', type: 'tmpfs', target, options: ['source=tmpfs', 'mode=755'], attributes },
    ...trees.map((tree): PlannedMount => {
      const place = `${target}/${posix.basename(tree.mountPoint)}`;
      if (!context.ownCgroupNamespace || context.ownUserNamespace) return groupBind(tree.mountPoint, context.cgroupPath, place, attributes);
      return { kind: 'filesystem', type: tree.version === 2 ? 'cgroup2' : 'cgroup', target: place, options: hierarchyOptions(tree), attributes };
    }),
  ];
}

function hierarchyOptions(tree: CgroupTree): string[] {
  if (tree.version === 2) return ['source=cgroup'];
  return ['source=cgroup', ...tree.controllers, ...(tree.name ? [`name=${tree.name}`] : [])];
}

function groupBind(mountPoint: string, cgroupPath: string, target: string, attributes: MountAttribute[]): BindMount {
  return {
    kind: 'bind', source: posix.join(mountPoint, cgroupPath), target, isDirectory: true, recursive: false, readOnly: attributes.includes('RDONLY'),
    readOnlyRecursive: false, attributes: attributes.filter((name) => name !== 'RDONLY'), propagation: 'rprivate', mayBeProc: false, replaceSymlink: false, copyUp: false,
  };
}

function cgroupLinks(target: string, { trees }: CgroupLayout): { path: string; text: string }[] {
  if (!trees.some(({ version }) => version === 1)) return [];
  return trees
    .filter((tree) => tree.version === 1 && tree.controllers.length > 1)
    .flatMap((tree) => {
      const text = posix.basename(tree.mountPoint);
      return tree.controllers.filter((name) => name !== text).map((name) => ({ path: posix.join(target, name), text }));
    });
}
