import { join, posix } from 'node:path';
import { Refused } from '../../base/src/index.js';
import type { CapabilitySets, ContainerConfig, DeviceNode, Hook, HookPoint, IdMap, OverlayPlan, PlannedMount, Propagation, SeccompChoice, SecurityLabels } from './container-config.js';
import { compileCopyUps, compileMemoryFileTargets, compileMount, compileSources, isDefault, propagationBits } from './launch-mounts.js';
import { MS, RLIMIT, S_IFBLK, S_IFCHR, S_IFIFO } from './linux.js';
import { logKinds } from './log-plan.js';
import { compileNamespaces, compileUserNamespace, hostIds, hostRoot, processNamespace } from './namespaces.js';
import { protocolVersion, streamsOptions, type Operation } from './operations.js';
import { withHome } from './process-plan.js';
import type { ContainerUser } from './users.js';

const pageBytes = 4096;
const maxIdentityFileBytes = 1 << 20;
/** The last of the shim's slots for mount sources: for what is attached at once. */
const rootSlot = 1023;

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
  const { cloneFlags, path: pidNamespacePath } = processNamespace(config);
  return [
    ['container', protocolVersion, cloneFlags, config.directory, config.cgroups.oomCounterFile, pidNamespacePath, config.cgroups.unifiedDirectory ?? ''],
    compileStreams(config),
    ...compileInside(withoutBirthplace(config)),
  ];
}

/** It is born in its group of v2 and need not join it any more. */
function withoutBirthplace(config: ContainerConfig): ContainerConfig {
  const { procsFiles, unifiedDirectory } = config.cgroups;
  return { ...config, cgroups: { ...config.cgroups, procsFiles: procsFiles.filter((file) => file !== `${unifiedDirectory}/cgroup.procs`) } };
}

/** The same without a word about who becomes the parent of the process. */
export function compileInside(config: ContainerConfig): Operation[] {
  const { mounts, labels } = config;
  // In their order; devices are made once all defaults stand, whatever a user puts over them.
  const afterDefaults = mounts.findLastIndex((mount) => isDefault(mount) || mount.target === '/dev') + 1;
  const compile = (mount: PlannedMount, index: number) => [...compileMount(mount, index, labels), ...compileBornOwner(config, mount)];
  return [
    ...compileCgroups(config),
    ...(config.userOwnsNamespaces ? compileOomScore(config) : []), // inherited, where the process can no longer lower it
    ...compileNamespaces(config),
    ...(config.hostname === undefined ? [] : [['hostname', config.hostname] as const]),
    ...(config.domainname === undefined ? [] : [['domainname', config.domainname] as const]),
    ...compileSources(config),
    ...compileRoot(config),
    ...compileCopyUps(config),
    ...mounts.slice(0, afterDefaults).flatMap(compile),
    ...config.devices.flatMap((device) => compileDevice(device, config.idMap)),
    ...config.emptyFiles.map((path): Operation => ['file', 0o755, ...hostIds(config.idMap, 0, 0), path, Buffer.alloc(0)]),
    ...config.links.map(({ path, text }): Operation => ['symlink', path, text]),
    ...mounts.slice(afterDefaults).flatMap((mount, index) => compile(mount, afterDefaults + index)),
    ...compileMemoryFileTargets(config),
    ['directory', 0o755, config.process.workingDirectory],
  ];
}

function compileStreams({ log, process }: ContainerConfig): Operation {
  const options =
    (process.openStdin ? streamsOptions.input : 0) | (process.stdinOnce ? streamsOptions.inputOnce : 0) | (log.compress ? streamsOptions.compress : 0);
  return ['streams', options, logKinds[log.kind], log.style, BigInt(log.maxSizeBytes), log.maxFiles, log.bufferBytes, log.target, log.header];
}

/** What hooks that run inside read on their standard input. */
export type HookInputs = Partial<Record<HookPoint, string>>;

/** Second half, for the user that was found: closes the root, then takes away every right that is not the container's. */
export function compileProcess(config: ContainerConfig, user: ContainerUser, seccomp: Buffer | undefined, hookInputs: HookInputs = {}): Operation[] {
  const { process, hooks = {}, userOwnsNamespaces } = config;
  return [
    ...(hooks.createContainer ?? []).map((hook) => compileHook(hook, false, hookInputs.createContainer)),
    ...(userOwnsNamespaces ? [] : compileStandardStreams(config)),
    ...config.rlimits.map(({ name, soft, hard }): Operation => ['rlimit', RLIMIT[name], soft, hard]),
    ...(userOwnsNamespaces ? [] : compileOomScore(config)),
    ['pivot'],
    ...(config.root.readOnly ? [['readOnly', 0, '/'] as const] : []),
    ...(config.readOnlyMounts ?? []).map((path): Operation => ['readOnly', 0, path]),
    ...config.sysctls.map(({ path, value, mustExist }): Operation => ['sysctl', mustExist ? 1 : 0, path, value]),
    ...config.readonlyPaths.map((path): Operation => ['readOnly', 1, path]),
    ...config.maskedPaths.map((path): Operation => ['mask', path]),
    ...compileScheduling(config),
    ...(userOwnsNamespaces ? compileHandOver(config, user) : [...compileRootPropagation(config.root), ...compilePersonality(config), ...compileUserNamespace(config, user)]),
    ...compileLabels(config.labels),
    ...(hooks.startContainer ?? []).map((hook) => compileHook(hook, true, hookInputs.startContainer)),
    ...compileIdentity({ ...config, ...process, seccompFlags: seccompFlags(config.seccomp) }, user, seccomp),
  ];
}

/** @param late inside the container, just before its program */
function compileHook({ path, args, env = [], timeoutMs = 0 }: Hook, late: boolean, input = ''): Operation {
  const argv = args.length > 0 ? args : [path];
  return ['hook', late ? 1 : 0, timeoutMs, argv.length, path, input, argv, env];
}

/** Filesystems whose root is nobody's, since they came when nobody was root in their namespace yet. */
const bornWithoutOwner = new Set(['mqueue', 'devpts']);

function compileBornOwner({ idMap, userOwnsNamespaces }: ContainerConfig, mount: PlannedMount): Operation[] {
  if (!userOwnsNamespaces || mount.kind !== 'filesystem' || !bornWithoutOwner.has(mount.type)) return [];
  const { uid, gid } = hostRoot(idMap);
  return [['owner', uid, gid, mount.target]];
}

/** The builder gives what it has made to the process that is born in the user namespace, and that goes on by itself. */
function compileHandOver(config: ContainerConfig, user: ContainerUser): Operation[] {
  return [
    ['ownStreams', ...hostIds(config.idMap, user.uid, user.gid)],
    ['moveRoot', config.root.mountPoint],
    ...compileRootPropagation(config.root),
    ['handOver'],
    ['openRoot', '/'],
    ...compileStandardStreams(config),
    ...compilePersonality(config),
  ];
}

function compileOomScore({ oomScoreAdj }: ContainerConfig): Operation[] {
  return oomScoreAdj === undefined ? [] : [['oomScore', String(oomScoreAdj)]];
}

function compileStandardStreams({ process, mounts }: ContainerConfig): Operation[] {
  if (!process.terminal) return [['stdin']];
  const isOwnDev = !mounts.some(({ kind, target }) => kind === 'bind' && target === '/dev');
  return [['terminal', process.terminalSize?.rows ?? 0, process.terminalSize?.columns ?? 0], ...(isOwnDev ? [['console'] as const] : [])];
}

function compileRootPropagation({ propagation }: ContainerConfig['root']): Operation[] {
  if (!propagation) return [];
  const recursive = propagation.startsWith('r') ? MS.REC : 0;
  return [['propagation', recursive | (propagation.endsWith('unbindable') ? MS.UNBINDABLE : Number(propagationBits(propagation as Propagation))), '/']];
}

export interface Identity {
  capabilities: CapabilitySets;
  noNewPrivileges: boolean;
  argv: string[];
  env: string[];
  workingDirectory: string;
  umask?: number;
  /** SECCOMP_FILTER_FLAG_… */
  seccompFlags?: number;
}

/** What the filter is loaded with. */
export function seccompFlags(choice: SeccompChoice): number {
  return typeof choice === 'object' ? (choice.flags ?? 0) : 0;
}

const defaultUmask = 0o022;

/** What a container's first process and an exec have in common. */
export function compileIdentity(identity: Identity, user: ContainerUser, seccomp: Buffer | undefined): Operation[] {
  const { capabilities, noNewPrivileges, argv, env, workingDirectory, umask = defaultUmask, seccompFlags = 0 } = identity;
  const { bounding, effective, permitted, inheritable, ambient } = capabilities;
  const filter: Operation[] = seccomp ? [['seccomp', seccompFlags, noNewPrivileges ? 1 : 0, seccomp]] : [];
  return [
    ['umask', umask],
    ['workingDirectory', workingDirectory],
    ...(noNewPrivileges ? [['noNewPrivileges'] as const] : []),
    // Without no_new_privs the kernel takes a filter only from who holds CAP_SYS_ADMIN: before the rights go.
    ...(noNewPrivileges ? [] : filter),
    ['bounding', bounding],
    ['user', user.uid, user.gid, user.groups],
    ['capabilities', effective, permitted, inheritable],
    ...(ambient ? [['ambient', ambient] as const] : []),
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

function compileRoot({ root, idMap, directory }: ContainerConfig): Operation[] {
  const { overlay, mountPoint } = root;
  const bindSelf: Operation[] = [['openTree', rootSlot, 1, mountPoint], ['attach', rootSlot, 0n, 0n, 0, 0, mountPoint]];
  if (!overlay) return [...bindSelf, ...writeAs(idMap), ['openRoot', mountPoint]];
  const layers = idMap ? mapLayers(overlay, join(directory, 'layers')) : { overlay, operations: [] };
  return [...layers.operations, ...writeAs(idMap), ...compileOverlay(layers.overlay, mountPoint), ['openRoot', mountPoint]];
}

/** From here on, what is made belongs to the container's root. */
function writeAs(idMap: IdMap | undefined): Operation[] {
  if (!idMap) return [];
  const { uid, gid } = hostRoot(idMap);
  return [['writeAs', uid, gid]];
}

/** Each layer under a path of its own, with its ids as the container sees them: nothing is copied or changes its owner. */
function mapLayers(overlay: OverlayPlan, scratch: string): { overlay: OverlayPlan; operations: Operation[] } {
  const sources = [...overlay.lowerDirs, posix.dirname(overlay.upperDir)];
  const at = (index: number) => `${scratch}/${index}`;
  const writable = at(overlay.lowerDirs.length);
  return {
    overlay: {
      ...overlay,
      lowerDirs: overlay.lowerDirs.map((_path, index) => at(index)),
      upperDir: `${writable}/${posix.basename(overlay.upperDir)}`,
      workDir: `${writable}/${posix.basename(overlay.workDir)}`,
    },
    operations: [
      ['directory', 0o700, scratch],
      ['filesystem', 0n, 0, scratch, 'tmpfs', ['source=tmpfs', 'mode=755']],
      ...sources.flatMap((source, index): Operation[] => [
        ['directory', 0o755, at(index)],
        ['openTree', rootSlot, 0, source],
        ['mapIds', rootSlot, 0, '', ''],
        ['attach', rootSlot, 0n, 0n, 0, 0, at(index)],
      ]),
    ],
  };
}

/** mount(2) takes one page of options; many layers need shorter names, or the newer call that takes them one by one. */
function compileOverlay(overlay: OverlayPlan, mountPoint: string): Operation[] {
  const mount = (lowerDirs: readonly string[]): Operation => ['mount', 0, 'overlay', mountPoint, 'overlay', overlayOptions(overlay, lowerDirs)];
  const fits = ([, , , , , data]: Operation) => Buffer.byteLength(data as string) < pageBytes;
  const absolute = mount(overlay.lowerDirs);
  if (fits(absolute)) return [absolute];
  if (overlay.appendLayers) {
    const options = ['source=overlay', ...overlay.lowerDirs.map((path) => `lowerdir+=${path}`), `upperdir=${overlay.upperDir}`, `workdir=${overlay.workDir}`, 'volatile'];
    return [['filesystem', 0n, 0, mountPoint, 'overlay', options]];
  }
  const parent = commonParent(overlay.lowerDirs);
  const relative = mount(overlay.lowerDirs.map((path) => posix.relative(parent, path)));
  if (fits(relative)) return [['workingDirectory', parent], relative];
  throw new Refused('unsupported', `the image has ${overlay.lowerDirs.length} layers: their paths are too long for one mount`);
}

function overlayOptions({ upperDir, workDir }: OverlayPlan, lowerDirs: readonly string[]): string {
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

const deviceTypes = { b: S_IFBLK, c: S_IFCHR, u: S_IFCHR, p: S_IFIFO } as const;

function compileDevice({ path, type = 'c', major, minor, mode, uid = 0, gid = 0 }: DeviceNode, idMap: IdMap | undefined): Operation[] {
  const owner: Operation[] = uid || gid ? [['owner', ...hostIds(idMap, uid, gid), path]] : [];
  return [['node', deviceTypes[type] | mode, major, minor, path], ...owner];
}

export function compileLabels({ apparmorProfile, selinuxProcess }: SecurityLabels): Operation[] {
  return [
    ...(apparmorProfile ? [['label', 'apparmor/exec', `exec ${apparmorProfile}`] as const] : []),
    ...(selinuxProcess ? [['label', 'exec', selinuxProcess] as const] : []),
  ];
}

const ioClasses = { realtime: 1, 'best-effort': 2, idle: 3 } as const;
const ioClassShift = 13;

export function compilePersonality({ personality }: Pick<ContainerConfig, 'personality'>): Operation[] {
  return personality ? [['personality', personality.domain]] : [];
}

export function compileScheduling({ ioPriority, scheduler }: Pick<ContainerConfig, 'ioPriority' | 'scheduler'>): Operation[] {
  return [
    ...(scheduler ? [['scheduler', scheduler.policy, scheduler.nice >>> 0, scheduler.priority, scheduler.flags, scheduler.runtimeNs, scheduler.deadlineNs, scheduler.periodNs] as const] : []),
    ...(ioPriority ? [['ioPriority', (ioClasses[ioPriority.class] << ioClassShift) | ioPriority.level] as const] : []),
  ];
}
