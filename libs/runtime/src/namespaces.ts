import { Refused } from '../../base/src/index.js';
import type { ContainerConfig, IdMap, IdRange, NamespaceKind } from './container-config.js';
import { CLONE } from './linux.js';
import type { Operation } from './operations.js';
import type { ContainerUser } from './users.js';

/** The kernel's flag of each kind. */
export const namespaceFlags: Record<NamespaceKind, number> = {
  mount: CLONE.NEWNS,
  uts: CLONE.NEWUTS,
  ipc: CLONE.NEWIPC,
  network: CLONE.NEWNET,
  pid: CLONE.NEWPID,
  user: CLONE.NEWUSER,
  cgroup: CLONE.NEWCGROUP,
  time: CLONE.NEWTIME,
};

/** The one process id namespace is entered by fork alone: its parent makes or joins it. */
export function processNamespace({ namespaces, userOwnsNamespaces }: Pick<ContainerConfig, 'namespaces' | 'userOwnsNamespaces'>): { cloneFlags: bigint; path: string } {
  const pid = namespaces.find(({ kind }) => kind === 'pid');
  if (userOwnsNamespaces) return { cloneFlags: 0n, path: '' };
  return { cloneFlags: pid && !pid.path ? BigInt(CLONE.NEWPID) : 0n, path: pid?.path ?? '' };
}

/**
 * All but the process id and user namespaces. A container with a user namespace is built by the host's root, who owns what it
 * mounts, and enters at the end: so its own root can take nothing of that apart. Where the user namespace is to own the others,
 * the process is born into all of them, and a builder does the rest.
 */
export function compileNamespaces({ namespaces, idMap, timeOffsets = [], userOwnsNamespaces }: ContainerConfig): Operation[] {
  const others = namespaces.filter(({ kind }) => kind !== 'pid' && kind !== 'user');
  const joined = others.filter(({ path }) => path);
  const made = others.filter(({ path, kind }) => !path && kind !== 'time').reduce((flags, { kind }) => flags | namespaceFlags[kind], 0);
  const hasNew = (kind: NamespaceKind) => others.some((one) => one.kind === kind && !one.path);
  const user = namespaces.find(({ kind }) => kind === 'user');
  const ownProcessIds = namespaces.some(({ kind, path }) => kind === 'pid' && !path) ? CLONE.NEWPID : 0;
  return [
    ...joined.map(({ kind, path }): Operation => ['joinNamespace', namespaceFlags[kind], path!]),
    ...(hasNew('time') ? [['timeNamespace', timeOffsets.map(timeOffsetText).join('')] as const] : []),
    ...(userOwnsNamespaces ? [['userProcess', BigInt(made | ownProcessIds), idMapText(idMap?.uids), idMapText(idMap?.gids)] as const, ['unshare', CLONE.NEWNS] as const] : made ? [['unshare', made] as const] : []),
    ...(hasNew('network') ? [['loopback'] as const] : []),
    ...(user && !userOwnsNamespaces ? [['userNamespace', user.path ?? '', idMapText(idMap?.uids), idMapText(idMap?.gids)] as const] : []),
  ];
}

/** What a process more must join, besides the process ids. Never the host's own user namespace, which nobody can enter twice. */
export function joinedFlags({ namespaces }: Pick<ContainerConfig, 'namespaces'>): number {
  return namespaces.filter(({ kind }) => kind !== 'pid').reduce((flags, { kind }) => flags | namespaceFlags[kind], 0);
}

/** The kernel's lines for /proc/<pid>/uid_map. */
export function idMapText(ranges: readonly IdRange[] = []): string {
  return ranges.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join('');
}

/** The host's number of a container's id. Undefined: the map has none. */
export function hostId(ranges: readonly IdRange[] | undefined, containerId: number): number | undefined {
  if (!ranges) return containerId;
  const range = ranges.find((one) => containerId >= one.containerId && containerId < one.containerId + one.size);
  return range && range.hostId + containerId - range.containerId;
}

/** Who the builder of the container writes as: the host's numbers of the container's root. */
export function hostRoot(idMap: IdMap | undefined): { uid: number; gid: number } {
  return { uid: hostId(idMap?.uids, 0) ?? 0, gid: hostId(idMap?.gids, 0) ?? 0 };
}

/** Throws `Refused` for ids that do not exist inside. */
export function hostIds(idMap: IdMap | undefined, uid: number, gid: number): [number, number] {
  const host = { uid: hostId(idMap?.uids, uid), gid: hostId(idMap?.gids, gid) };
  if (host.uid === undefined || host.gid === undefined) throw new Refused('invalid', `the user ${uid}:${gid} is outside of the container's user namespace`);
  return [host.uid, host.gid];
}

/** The container's root gets mounts of its own, locked together: what was masked stays masked, whatever it may do. */
export function compileUserNamespace({ namespaces, idMap }: ContainerConfig, user: ContainerUser): Operation[] {
  if (!namespaces.some(({ kind }) => kind === 'user')) return [];
  return [['ownStreams', ...hostIds(idMap, user.uid, user.gid)], ['enterUserNamespace'], ['unshare', CLONE.NEWNS]];
}

/** The last step of an exec on its way inside, for a container with a user namespace. */
export function enterTargetUserNamespace(idMap: IdMap | undefined, user: ContainerUser): Operation[] {
  return idMap ? [['ownStreams', ...hostIds(idMap, user.uid, user.gid)], ['joinTarget', CLONE.NEWUSER]] : [];
}

function timeOffsetText({ clock, seconds, nanoseconds }: { clock: string; seconds: bigint; nanoseconds: number }): string {
  return `${clock} ${seconds} ${nanoseconds}\n`;
}
