import type { BindMount, ContainerConfig, FilesystemMount, IdMap, PlannedMount, Propagation, SecurityLabels } from './container-config.js';
import { MOUNT_ATTR, MOUNT_ATTR__ATIME, MS, type MountAttribute } from './linux.js';
import { hostIds, idMapText } from './namespaces.js';
import { targetRules, type Operation } from './operations.js';

/** Sources of shared mounts are opened before this namespace becomes the host's slave: so they stay the host's peers. */
export function compileSources({ mounts, memoryFiles, idMap }: ContainerConfig): Operation[] {
  return [
    ...mounts.flatMap((mount, index) => (isShared(mount) ? openSource(mount, index) : [])),
    ['propagation', MS.REC | MS.SLAVE, '/'],
    ...mounts.flatMap((mount, index) => (isShared(mount) ? [] : openSource(mount, index))),
    ...compileMemoryFiles(memoryFiles, mounts.length, idMap),
  ];
}

function openSource(mount: PlannedMount, slot: number): Operation[] {
  if (mount.kind !== 'bind') return [];
  const recursive = mount.recursive ? 1 : 0;
  return [
    mount.sourceNamespace ? ['openTreeIn', slot, recursive, mount.sourceNamespace, mount.source] : ['openTree', slot, recursive, mount.source],
    ...mapIds(mount, slot),
  ];
}

function mapIds({ idMap }: PlannedMount, slot: number): Operation[] {
  return idMap ? [['mapIds', slot, idMap.recursive ? 1 : 0, idMapText(idMap.uids), idMapText(idMap.gids)]] : [];
}

/** One tmpfs that only this container sees, under a path that leaves with the host's root. */
function compileMemoryFiles({ directory, files }: ContainerConfig['memoryFiles'], firstSlot: number, idMap: IdMap | undefined): Operation[] {
  if (files.length === 0) return [];
  return [
    ['directory', 0o700, directory],
    ['filesystem', attributeBits(['NOSUID', 'NODEV', 'NOEXEC']), 0, directory, 'tmpfs', ['source=tmpfs', 'mode=700']],
    ...files.flatMap(({ data, uid, gid, mode }, index): Operation[] => [
      ['file', mode, ...hostIds(idMap, uid, gid), `${directory}/${index}`, data],
      ['openTree', firstSlot + index, 0, `${directory}/${index}`],
    ]),
  ];
}

export function compileMemoryFileTargets({ mounts, memoryFiles }: ContainerConfig): Operation[] {
  const attributes = attributeBits(['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC']);
  return memoryFiles.files.map(({ target }, index): Operation => ['attach', mounts.length + index, attributes, BigInt(MS.PRIVATE), 0, targetRules.createFile, target]);
}

export function isDefault(mount: PlannedMount): mount is FilesystemMount {
  return mount.kind === 'filesystem' && mount.noSymlinks === true;
}

function isShared(mount: PlannedMount): boolean {
  return mount.kind === 'bind' && (mount.propagation === 'shared' || mount.propagation === 'rshared');
}

export function compileMount(mount: PlannedMount, slot: number, labels: SecurityLabels): Operation[] {
  return [...(mount.kind === 'filesystem' ? [compileFilesystem(mount, labels)] : compileAttach(mount, slot)), ...compileOptions(mount)];
}

/** Before anything is mounted: what is copied is the image's, and nothing else can be in its way. */
export function compileCopyUps({ mounts }: ContainerConfig): Operation[] {
  return mounts.flatMap((mount, index): Operation[] => (mount.kind === 'bind' && mount.copyUp ? [['copyUp', index, mount.target]] : []));
}

/** Filesystems that take SELinux's `context=`. */
const labelled = new Set(['tmpfs', 'devpts', 'mqueue', 'overlay']);

function compileFilesystem({ type, target, options, attributes, noSymlinks, copyUp }: FilesystemMount, { selinuxMount }: SecurityLabels): Operation {
  const rule = targetRules.createDirectory | (noSymlinks ? targetRules.noSymlinks : 0) | (copyUp ? targetRules.copyUp : 0);
  const context = selinuxMount && labelled.has(type) ? [`context=${selinuxMount}`] : [];
  return ['filesystem', attributeBits(attributes), rule, target, type, [...options, ...context]];
}

function compileAttach(mount: BindMount, slot: number): Operation[] {
  const rule =
    (mount.isDirectory ? targetRules.createDirectory : targetRules.createFile) |
    (mount.mayBeProc ? targetRules.mayBeProc : 0) |
    (mount.replaceSymlink ? targetRules.replaceSymlink : 0);
  const attributes = attributeBits([...(mount.readOnly ? (['RDONLY'] as const) : []), ...(mount.attributes ?? []).filter((name) => !isAccessTime(name))]);
  return [['attach', slot, attributes, propagationBits(mount.propagation), mount.readOnlyRecursive ? 1 : 0, rule, mount.target]];
}

/** What few mounts have: attributes taken away, or given to all mounts below, too; access times; propagation of a new filesystem. */
function compileOptions(mount: PlannedMount): Operation[] {
  const { clearAttributes = [], recursiveAttributes = [], clearRecursiveAttributes = [], target } = mount;
  const accessTimes = mount.kind === 'bind' ? (mount.attributes ?? []).filter(isAccessTime) : [];
  const propagation = mount.kind === 'filesystem' && mount.propagation ? propagationBits(mount.propagation) : 0n;
  const recursivePropagation = mount.kind === 'filesystem' && mount.propagation?.startsWith('r') ? 1 : 0;
  return [
    ...change(accessTimes, clearAttributes, false, target),
    ...change(recursiveAttributes, clearRecursiveAttributes, true, target),
    ...(propagation ? [['mountOptions', 0n, 0n, propagation, recursivePropagation, target] as const] : []),
  ];
}

/** The kernel wants the whole group of access times cleared by who touches one of them. */
function change(set: readonly MountAttribute[], clear: readonly MountAttribute[], recursive: boolean, target: string): Operation[] {
  if (set.length === 0 && clear.length === 0) return [];
  const accessTimes = [...set, ...clear].some(isAccessTime) ? BigInt(MOUNT_ATTR__ATIME) : 0n;
  const cleared = attributeBits(clear.filter((name) => !isAccessTime(name))) | accessTimes;
  return [['mountOptions', attributeBits(set), cleared, 0n, recursive ? 1 : 0, target]];
}

function isAccessTime(name: MountAttribute): boolean {
  return name === 'RELATIME' || name === 'NOATIME' || name === 'STRICTATIME';
}

export function attributeBits(attributes: readonly MountAttribute[]): bigint {
  return BigInt(attributes.reduce((bits, name) => bits | MOUNT_ATTR[name], 0));
}

export function propagationBits(propagation: Propagation): bigint {
  if (propagation.endsWith('shared')) return BigInt(MS.SHARED);
  return BigInt(propagation.endsWith('slave') ? MS.SLAVE : MS.PRIVATE);
}
