import { posix } from 'node:path';
import { Refused } from '../../base/src/index.js';
import type { BindMount, ContainerConfig, FilesystemMount, PlannedMount, Propagation } from './container-config.js';
import { CLONE, MOUNT_ATTR, MS, RLIMIT, S_IFCHR, type MountAttribute } from './linux.js';
import { protocolVersion, targetRules, type Operation } from './operations.js';
import { withHome } from './process-plan.js';
import type { ContainerUser } from './users.js';

const pageBytes = 4096;
const maxIdentityFileBytes = 1 << 20;

/** The files that tell who a user is: read inside, before the second half can be written. */
export const identityFiles: readonly Operation[] = [
  ['readFile', maxIdentityFileBytes, '/etc/passwd'],
  ['readFile', maxIdentityFileBytes, '/etc/group'],
];

/**
 * First half of a container's launch: its namespaces and its whole root, up to where its own /etc/passwd can be read.
 * The order is runc's, which years of reports have settled.
 */
export function compileSandbox(config: ContainerConfig): Operation[] {
  return [
    ['container', protocolVersion, BigInt(CLONE.NEWPID), BigInt(config.log.maxSizeBytes), config.log.maxFiles, config.directory, config.log.path, config.cgroups.oomCounterFile],
    ...compileCgroups(config),
    ['joinNamespace', CLONE.NEWNET, config.networkNamespacePath],
    ['unshare', CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWCGROUP],
    ['hostname', config.hostname],
    ...compileSources(config),
    ...compileRoot(config),
    ...compileCopyUps(config),
    ...config.mounts.filter(isDefault).map(compileFilesystem),
    ...config.devices.map(({ path, major, minor, mode }): Operation => ['node', S_IFCHR | mode, major, minor, path]),
    ...config.emptyFiles.map((path): Operation => ['file', 0o755, 0, 0, path, Buffer.alloc(0)]),
    ...config.links.map(({ path, text }): Operation => ['symlink', path, text]),
    ...config.mounts.flatMap((mount, index) => (isDefault(mount) ? [] : [compileMount(mount, index)])),
    ...compileMemoryFileTargets(config),
    ['directory', 0o755, config.process.workingDirectory],
  ];
}

/** Second half, for the user that was found: closes the root, then takes away every right that is not the container's. */
export function compileProcess(config: ContainerConfig, user: ContainerUser, seccomp: Buffer | undefined): Operation[] {
  const { process } = config;
  return [
    process.terminal ? ['terminal'] : ['stdin', process.openStdin ? 1 : 0],
    ...config.rlimits.map(({ name, soft, hard }): Operation => ['rlimit', RLIMIT[name], soft, hard]),
    ['oomScore', String(config.oomScoreAdj)],
    ['pivot'],
    ...(config.root.readOnly ? [['readOnly', 0, '/'] as const] : []),
    ...config.sysctls.map(({ path, value, mustExist }): Operation => ['sysctl', mustExist ? 1 : 0, path, value]),
    ...config.readonlyPaths.map((path): Operation => ['readOnly', 1, path]),
    ...config.maskedPaths.map((path): Operation => ['mask', path]),
    ...compileIdentity({ ...config, argv: process.argv, env: process.env, workingDirectory: process.workingDirectory }, user, seccomp),
  ];
}

export interface Identity {
  capabilities: bigint;
  noNewPrivileges: boolean;
  argv: string[];
  env: string[];
  workingDirectory: string;
}

/** What a container's first process and an exec have in common. */
export function compileIdentity(identity: Identity, user: ContainerUser, seccomp: Buffer | undefined): Operation[] {
  const { capabilities, noNewPrivileges, argv, env, workingDirectory } = identity;
  const filter: Operation[] = seccomp ? [['seccomp', 0, seccomp]] : [];
  return [
    ['umask', 0o022],
    ['workingDirectory', workingDirectory],
    ...(noNewPrivileges ? [['noNewPrivileges'] as const] : []),
    // Without no_new_privs the kernel takes a filter only from who holds CAP_SYS_ADMIN: before the rights go.
    ...(noNewPrivileges ? [] : filter),
    ['bounding', capabilities],
    ['user', user.uid, user.gid, user.groups],
    ['capabilities', capabilities, capabilities, 0n],
    ...(noNewPrivileges ? filter : []),
    ['environment', withHome(env, user.home)],
    ['arguments', argv],
    ['ready'],
  ];
}

function compileCgroups({ cgroups }: ContainerConfig): Operation[] {
  const { deviceFilter } = cgroups;
  return [
    ...cgroups.procsFiles.map((file): Operation => ['joinCgroup', file]),
    ...(deviceFilter ? [['deviceFilter', deviceFilter.directory, deviceFilter.program] as const] : []),
  ];
}

/** Sources of shared mounts are opened before this namespace becomes the host's slave: so they stay the host's peers. */
function compileSources({ mounts, memoryFiles }: ContainerConfig): Operation[] {
  const open = (mount: PlannedMount, index: number): Operation[] =>
    mount.kind === 'bind' ? [['openTree', index, mount.recursive ? 1 : 0, mount.source]] : [];
  return [
    ...mounts.flatMap((mount, index) => (isShared(mount) ? open(mount, index) : [])),
    ['propagation', MS.REC | MS.SLAVE, '/'],
    ...mounts.flatMap((mount, index) => (isShared(mount) ? [] : open(mount, index))),
    ...compileMemoryFiles(memoryFiles, mounts.length),
  ];
}

/** One tmpfs that only this container sees, under a path that leaves with the host's root. */
function compileMemoryFiles({ directory, files }: ContainerConfig['memoryFiles'], firstSlot: number): Operation[] {
  if (files.length === 0) return [];
  return [
    ['directory', 0o700, directory],
    ['filesystem', attributeBits(['NOSUID', 'NODEV', 'NOEXEC']), 0, directory, 'tmpfs', ['source=tmpfs', 'mode=700']],
    ...files.flatMap(({ data, uid, gid, mode }, index): Operation[] => [
      ['file', mode, uid, gid, `${directory}/${index}`, data],
      ['openTree', firstSlot + index, 0, `${directory}/${index}`],
    ]),
  ];
}

function compileMemoryFileTargets({ mounts, memoryFiles }: ContainerConfig): Operation[] {
  const attributes = attributeBits(['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC']);
  return memoryFiles.files.map(({ target }, index): Operation => ['attach', mounts.length + index, attributes, BigInt(MS.PRIVATE), 0, targetRules.createFile, target]);
}

function compileRoot({ root }: ContainerConfig): Operation[] {
  return [...compileOverlay(root), ['openRoot', root.mountPoint]];
}

/** mount(2) takes one page of options; many layers need shorter names, or the newer call that takes them one by one. */
function compileOverlay(root: ContainerConfig['root']): Operation[] {
  const mount = (lowerDirs: readonly string[]): Operation => ['mount', 0, 'overlay', root.mountPoint, 'overlay', overlayOptions(root, lowerDirs)];
  const fits = ([, , , , , data]: Operation) => Buffer.byteLength(data as string) < pageBytes;
  const absolute = mount(root.lowerDirs);
  if (fits(absolute)) return [absolute];
  if (root.appendLayers) {
    const options = ['source=overlay', ...root.lowerDirs.map((path) => `lowerdir+=${path}`), `upperdir=${root.upperDir}`, `workdir=${root.workDir}`, 'volatile'];
    return [['filesystem', 0n, 0, root.mountPoint, 'overlay', options]];
  }
  const parent = commonParent(root.lowerDirs);
  const relative = mount(root.lowerDirs.map((path) => posix.relative(parent, path)));
  if (fits(relative)) return [['workingDirectory', parent], relative];
  throw new Refused('unsupported', `the image has ${root.lowerDirs.length} layers: their paths are too long for one mount`);
}

function overlayOptions({ upperDir, workDir }: ContainerConfig['root'], lowerDirs: readonly string[]): string {
  // `volatile`: the writable layer never outlives a crash of the machine, so nothing has to reach the disk in time.
  return `lowerdir=${lowerDirs.map(escapeOverlayPath).join(':')},upperdir=${escapeOverlayPath(upperDir)},workdir=${escapeOverlayPath(workDir)},volatile`;
}

function commonParent(paths: readonly string[]): string {
  let parent = posix.dirname(paths[0] ?? '/');
  while (!paths.every((path) => path.startsWith(parent === '/' ? '/' : `${parent}/`))) parent = posix.dirname(parent);
  return parent;
}

function escapeOverlayPath(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}

function isDefault(mount: PlannedMount): mount is FilesystemMount {
  return mount.kind === 'filesystem' && mount.noSymlinks === true;
}

function isShared(mount: PlannedMount): boolean {
  return mount.kind === 'bind' && (mount.propagation === 'shared' || mount.propagation === 'rshared');
}

function compileMount(mount: PlannedMount, slot: number): Operation {
  return mount.kind === 'filesystem' ? compileFilesystem(mount) : compileAttach(mount, slot);
}

/** Before anything is mounted: what is copied is the image's, and nothing else can be in its way. */
function compileCopyUps({ mounts }: ContainerConfig): Operation[] {
  return mounts.flatMap((mount): Operation[] => (mount.kind === 'bind' && mount.copyUp ? [['copyUp', mount.target, mount.source]] : []));
}

function compileFilesystem({ type, target, options, attributes, noSymlinks }: FilesystemMount): Operation {
  const rule = targetRules.createDirectory | (noSymlinks ? targetRules.noSymlinks : 0);
  return ['filesystem', attributeBits(attributes), rule, target, type, options];
}

function compileAttach(mount: BindMount, slot: number): Operation {
  const rule =
    (mount.isDirectory ? targetRules.createDirectory : targetRules.createFile) |
    (mount.mayBeProc ? targetRules.mayBeProc : 0) |
    (mount.replaceSymlink ? targetRules.replaceSymlink : 0);
  const attributes = attributeBits(mount.readOnly ? ['RDONLY'] : []);
  return ['attach', slot, attributes, propagationBits(mount.propagation), mount.readOnlyRecursive ? 1 : 0, rule, mount.target];
}

function attributeBits(attributes: readonly MountAttribute[]): bigint {
  return BigInt(attributes.reduce((bits, name) => bits | MOUNT_ATTR[name], 0));
}

function propagationBits(propagation: Propagation): bigint {
  if (propagation.endsWith('shared')) return BigInt(MS.SHARED);
  return BigInt(propagation.endsWith('slave') ? MS.SLAVE : MS.PRIVATE);
}
