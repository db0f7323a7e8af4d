import { Refused } from '../../base/src/index.js';
import type { ContainerSpec, Mount } from '../../model/src/index.js';

/** What a node lets containers have of it. Everything by default, as Docker does. */
export interface NodePolicy {
  privileged: boolean;
  /** Namespaces of the host: network, process ids, IPC, hostname, cgroups, and no user namespace where the node makes one. */
  hostNamespaces: boolean;
  /** No seccomp filter, AppArmor profile, label, or masked paths. */
  unconfined: boolean;
  /** Patterns of device paths, where `*` is anything. */
  devices: readonly string[];
  /** Patterns of paths of the host that may be mounted. */
  binds: readonly string[];
  /** Patterns of capabilities beyond Docker's default ones. */
  capabilities: readonly string[];
}

export const permissivePolicy: NodePolicy = { privileged: true, hostNamespaces: true, unconfined: true, devices: ['*'], binds: ['*'], capabilities: ['*'] };

/** Throws `Refused('forbidden')` with the node, the option and the flag that forbids it. */
export function checkPolicy(policy: NodePolicy, spec: ContainerSpec, nodeName: string): void {
  const refuse = (what: string, flag: string) => {
    throw new Refused('forbidden', `node ${nodeName} does not allow ${what} (its agent says ${flag}): place the service elsewhere, or ask who runs the node`);
  };
  if (spec.privileged && !policy.privileged) refuse('privileged containers', '--allow-privileged no');
  const host = hostNamespacesOf(spec);
  if (host.length > 0 && !policy.hostNamespaces) refuse(`the namespaces of the host: ${host.join(', ')}`, '--allow-host-namespaces no');
  const open = unconfinedOf(spec);
  if (open.length > 0 && !policy.unconfined) refuse(`containers without their filters: ${open.join(', ')}`, '--allow-unconfined no');
  for (const { hostPath } of spec.devices ?? []) if (!matches(policy.devices, hostPath)) refuse(`the device ${hostPath}`, flagOf('--allow-devices', policy.devices));
  if (spec.deviceCgroupRules?.length && !policy.devices.includes('*')) refuse('device cgroup rules', flagOf('--allow-devices', policy.devices));
  for (const path of spec.mounts.flatMap(hostPathsOf)) if (!matches(policy.binds, path)) refuse(`mounts of ${path}`, flagOf('--allow-binds', policy.binds));
  for (const name of spec.capabilityAdd) if (!matches(policy.capabilities, name)) refuse(`the capability ${name}`, flagOf('--allow-capabilities', policy.capabilities));
}

function hostNamespacesOf(spec: ContainerSpec): string[] {
  const modes = { network: spec.networkMode, pid: spec.pidMode, ipc: spec.ipcMode, uts: spec.utsMode, cgroup: spec.cgroupnsMode, user: spec.usernsMode };
  return Object.entries(modes).flatMap(([name, mode]) => (mode === 'host' ? [name] : []));
}

function unconfinedOf({ securityOptions = {} }: ContainerSpec): string[] {
  const { seccomp, apparmor, label, systemPaths } = securityOptions;
  return [
    // A profile of the user's own can let through as much as none.
    ...(seccomp && seccomp.kind !== 'builtin' ? [seccomp.kind === 'profile' ? 'a seccomp profile of its own' : 'seccomp=unconfined'] : []),
    ...(apparmor === 'unconfined' ? ['apparmor=unconfined'] : []),
    ...(label?.disable ? ['label=disable'] : []),
    ...(systemPaths ? ['systempaths=unconfined'] : []),
  ];
}

/** Also a volume that is a bind by its options. */
function hostPathsOf(mount: Mount): string[] {
  if (mount.type === 'bind') return [mount.source];
  if (mount.type !== 'volume') return [];
  const { o = '', device } = mount.driver?.options ?? {};
  return device && /(?:^|,)r?bind(?:,|$)/.test(o) ? [device] : [];
}

/** A path with `..` matches no pattern but `*`. */
function matches(patterns: readonly string[], text: string): boolean {
  if (patterns.includes('*')) return true;
  if (text.split('/').includes('..')) return false;
  return patterns.some((pattern) => new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`).test(text));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function flagOf(flag: string, patterns: readonly string[]): string {
  return patterns.length === 0 ? `${flag} none` : patterns.map((pattern) => `${flag} ${pattern}`).join(' ');
}
