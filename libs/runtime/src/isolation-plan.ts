import { Refused } from '../../base/src/index.js';
import { parseNamespaceMode, type ContainerSpec, type NamespaceMode } from '../../model/src/index.js';
import { capabilityNames, capabilitySet, containerCapabilities } from './capabilities.js';
import type { ContainerConfig, DeviceNode, IdMap, NamespaceKind, NamespacePlan, SeccompChoice, SecurityLabels } from './container-config.js';
import { maskedPaths, readonlyPaths } from './default-mounts.js';
import { isAtLeast, type HostFacts } from './host-facts.js';
import type { ContainerRequest } from './runtime.js';
import { parseSeccompProfile } from './seccomp/profile.js';

/** Ids of the host that belong to containers with a user namespace, and whether those that say nothing get one. */
export interface UserNamespaceOptions {
  byDefault: boolean;
  firstHostId: number;
  size: number;
}

/** What had to be looked up on this machine for a container's walls. */
export interface IsolationFindings {
  /** Nodes for `devices`, or for `privileged` all of the machine's. */
  devices: FoundDevice[];
  /** Files of the namespaces of other containers that it joins. */
  joined: Partial<Record<NamespaceKind, string>>;
  userNamespaces: UserNamespaceOptions;
}

export interface FoundDevice {
  node: DeviceNode;
  /** Of `r`, `w`, `m`. */
  access: string;
}

export const noFindings: IsolationFindings = { devices: [], joined: {}, userNamespaces: { byDefault: false, firstHostId: 1 << 20, size: 1 << 16 } };

/** How each of its kinds of namespaces is had. */
export interface NamespaceModes {
  pid: NamespaceMode;
  ipc: NamespaceMode;
  network: NamespaceMode;
  user: NamespaceMode;
  cgroup: NamespaceMode;
  uts: NamespaceMode;
}

const own: NamespaceMode = { kind: 'private' };

export function namespaceModes(spec: ContainerSpec, userByDefault = false): NamespaceModes {
  const mode = (kind: keyof NamespaceModes, text: string | undefined) => parseNamespaceMode(kind, text);
  return {
    pid: mode('pid', spec.pidMode) ?? own,
    ipc: mode('ipc', spec.ipcMode) ?? own,
    network: mode('network', spec.networkMode) ?? own,
    user: mode('user', spec.usernsMode) ?? { kind: userByDefault ? 'private' : 'host' },
    cgroup: mode('cgroup', spec.cgroupnsMode) ?? own,
    uts: mode('uts', spec.utsMode) ?? own,
  };
}

export type Isolation = Pick<ContainerConfig, 'namespaces' | 'idMap' | 'capabilities' | 'noNewPrivileges' | 'seccomp' | 'labels' | 'maskedPaths' | 'readonlyPaths'> & { modes: NamespaceModes };

/** The walls of one container, and the doors that its spec opens. */
export function planIsolation(request: ContainerRequest, facts: HostFacts, findings: IsolationFindings): Isolation {
  const { spec } = request;
  const modes = namespaceModes(spec, findings.userNamespaces.byDefault);
  const idMap = modes.user.kind === 'private' ? planIdMap(spec, modes, facts, findings.userNamespaces) : undefined;
  const privileged = spec.privileged ?? false;
  const isOpen = privileged || spec.securityOptions?.systemPaths === 'unconfined';
  const capabilities = capabilitySet(privileged ? ['ALL'] : spec.capabilityAdd, spec.capabilityDrop, facts.heldCapabilities);
  if (modes.cgroup.kind === 'host' && !privileged && capabilityNames(capabilities).has('CAP_SYS_ADMIN')) {
    // It could mount the groups of all, and name a program that the kernel runs as the host's root (CVE-2022-0492).
    throw new Refused('forbidden', "CAP_SYS_ADMIN with the host's cgroup namespace is the host itself: ask for privileged, or for a cgroup namespace of its own");
  }
  return {
    modes,
    namespaces: planNamespaces(request, modes, findings),
    ...(idMap ? { idMap } : {}),
    capabilities: containerCapabilities(capabilities),
    noNewPrivileges: spec.privileges?.noNewPrivileges ?? false,
    seccomp: planSeccomp(spec),
    labels: planLabels(spec, facts),
    maskedPaths: isOpen ? [] : [...maskedPaths],
    readonlyPaths: isOpen ? [] : [...readonlyPaths],
  };
}

/** In the order in which they are entered: another's before new ones. */
function planNamespaces({ netnsPath }: ContainerRequest, modes: NamespaceModes, { joined }: IsolationFindings): NamespacePlan[] {
  const plan = (kind: 'pid' | 'ipc' | 'network' | 'uts' | 'cgroup', path?: string): NamespacePlan[] => {
    const mode = modes[kind];
    if (mode.kind === 'host') return [];
    if (mode.kind === 'service') throw new Refused('invalid', `the ${kind} namespace of the service "${mode.name}" is not known here: a container of this node must be named`);
    if (mode.kind === 'container') return [{ kind, path: joinedPath(kind, mode.id, joined) }];
    return [{ kind, ...(path ? { path } : {}) }];
  };
  return [
    ...plan('pid'),
    ...plan('network', netnsPath),
    { kind: 'mount' },
    ...plan('uts'),
    ...plan('ipc'),
    ...plan('cgroup'),
    ...(modes.user.kind === 'private' ? [{ kind: 'user' } as const] : []),
  ];
}

function joinedPath(kind: NamespaceKind, id: string, joined: IsolationFindings['joined']): string {
  const path = joined[kind];
  if (!path) throw new Refused('not-found', `cannot join the ${kind} namespace of container ${id}: it does not run on this node`);
  return path;
}

const oldestMappedOverlay = { major: 5, minor: 19 };

/** As Docker: who shares the host's rooms cannot be somebody else there. */
function planIdMap(spec: ContainerSpec, modes: NamespaceModes, facts: HostFacts, { firstHostId, size }: UserNamespaceOptions): IdMap {
  if (spec.privileged) throw new Refused('invalid', 'privileged mode is incompatible with user namespaces: say userns_mode: host');
  for (const kind of ['pid', 'network'] as const) {
    if (modes[kind].kind === 'host') throw new Refused('invalid', `the host's ${kind} namespace cannot be shared by a container with a user namespace: say userns_mode: host`);
  }
  const { major, minor } = oldestMappedOverlay;
  if (!isAtLeast(facts.kernel, major, minor)) throw new Refused('unsupported', `user namespaces need Linux ${major}.${minor}, which can map the ids of image layers; this node has ${facts.kernel.major}.${facts.kernel.minor}`);
  const ranges = [{ containerId: 0, hostId: firstHostId, size }];
  return { uids: ranges, gids: ranges };
}

function planSeccomp({ privileged, securityOptions }: ContainerSpec): SeccompChoice {
  const given = securityOptions?.seccomp;
  switch (given?.kind) {
    case undefined:
      return privileged ? 'unconfined' : 'default';
    case 'unconfined':
      return 'unconfined';
    case 'builtin':
      return 'default';
    case 'profile':
      return { profile: parseSeccompProfile(given.text) };
  }
}

/** A label that the host cannot give would be a wall that is not there: refused. */
function planLabels({ securityOptions = {} }: ContainerSpec, { apparmor, selinux }: HostFacts): SecurityLabels {
  const { apparmor: profile, label } = securityOptions;
  if (profile && profile !== 'unconfined' && !apparmor) throw new Refused('unsupported', `the AppArmor profile "${profile}" cannot be used: AppArmor is not enabled on this node`);
  const asksForLabel = label && !label.disable;
  if (asksForLabel && !selinux) throw new Refused('unsupported', 'an SELinux label cannot be given: SELinux is not enabled on this node');
  return {
    ...(profile && profile !== 'unconfined' ? { apparmorProfile: profile } : {}),
    ...(asksForLabel ? selinuxLabels(label) : {}),
  };
}

type Label = NonNullable<NonNullable<ContainerSpec['securityOptions']>['label']>;

/** The containers' policy of every distribution; parts are replaced by what is given. */
function selinuxLabels({ user = 'system_u', role = 'system_r', type = 'container_t', level = 's0' }: Label): SecurityLabels {
  return { selinuxProcess: `${user}:${role}:${type}:${level}`, selinuxMount: `${user}:object_r:container_file_t:${level}` };
}
