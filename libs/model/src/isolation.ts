import { Refused } from '../../base/src/index.js';

/**
 * What takes walls away between a container and its host, or between two containers. `docker run` has these options, a service of
 * Docker's has few of them; a node may forbid each (see the node policy of `libs/worker`).
 */
export interface IsolationSpec {
  /** All capabilities that the node holds, all devices, no seccomp filter, no masked paths. */
  privileged?: boolean;
  devices?: DeviceMapping[];
  /** `c 10:229 rwm`, in Docker's grammar. */
  deviceCgroupRules?: string[];
  /** Of /dev/shm; absent: 64 MiB. */
  shmSizeBytes?: number;
  /** `host`, `service:NAME` or `container:ID`; absent: its own. */
  pidMode?: string;
  /** `private`, `shareable`, `none`, `host`, `service:NAME` or `container:ID`; absent: private. */
  ipcMode?: string;
  /** `host`, `none`, `service:NAME` or `container:ID`; absent: the networks of the template. */
  networkMode?: string;
  /** `host` or `private`; absent: what the node does by default. */
  usernsMode?: string;
  /** `host` or `private`; absent: private. */
  cgroupnsMode?: string;
  /** `host`; absent: its own. */
  utsMode?: string;
  /** A path below the node's own cgroup; absent: the node's choice. */
  cgroupParent?: string;
  /** `02:42:ac:11:00:02`, of the first network. */
  macAddress?: string;
  domainname?: string;
  securityOptions?: SecurityOptions;
  /** A named runtime of the node; absent, `shoal` and `runc`: the built-in one. */
  runtime?: string;
}

/** A device node of the host, or a folder of them. `permissions` is of `r`, `w` and `m` (mknod). */
export interface DeviceMapping {
  hostPath: string;
  containerPath: string;
  permissions: string;
}

/** Docker's `security_opt`, read. `no-new-privileges` is in `ContainerSpec.privileges`. */
export interface SecurityOptions {
  seccomp?: { kind: 'unconfined' } | { kind: 'builtin' } | { kind: 'profile'; /** Its JSON text. */ text: string };
  /** A profile's name, or `unconfined`. */
  apparmor?: string;
  /** SELinux: `disable` alone, or parts of the label. */
  label?: { disable?: boolean; user?: string; role?: string; type?: string; level?: string };
  /** `unconfined`: nothing of /proc and /sys is masked or read-only. */
  systemPaths?: 'unconfined';
}

export type NamespaceMode =
  | { kind: 'private' | 'shareable' | 'none' | 'host' }
  /** Of the task with the same slot (or on the same node) of another service. */
  | { kind: 'service'; name: string }
  /** Of a container of the node, by id or name. */
  | { kind: 'container'; id: string };

export type NamespaceKind = 'pid' | 'ipc' | 'network' | 'user' | 'cgroup' | 'uts';

const plainModes: Record<NamespaceKind, readonly string[]> = {
  pid: ['private', 'host'],
  ipc: ['private', 'shareable', 'none', 'host'],
  network: ['host', 'none'],
  user: ['private', 'host'],
  cgroup: ['private', 'host'],
  uts: ['host'],
};

const joinable: readonly NamespaceKind[] = ['pid', 'ipc', 'network'];

/** Reads one of the modes above; absent and empty: undefined, which is the default of each. Throws `Refused('invalid')` with what is known. */
export function parseNamespaceMode(kind: NamespaceKind, text: string | undefined): NamespaceMode | undefined {
  if (text === undefined || text === '') return undefined;
  if (plainModes[kind].includes(text)) return { kind: text as 'host' };
  const [, how, name] = /^(service|container):(.+)$/.exec(text) ?? [];
  if (name !== undefined && joinable.includes(kind)) return how === 'service' ? { kind: 'service', name } : { kind: 'container', id: name };
  const known = [...plainModes[kind], ...(joinable.includes(kind) ? ['service:NAME', 'container:NAME'] : [])];
  throw new Refused('invalid', `"${text}" is no ${kind} namespace mode: it is ${known.join(', ')}`);
}

/** Names of the services whose namespaces the container shares: its task lives beside theirs. Sorted, without doubles. */
export function joinedServices(spec: IsolationSpec): string[] {
  const modes = [parseNamespaceMode('pid', spec.pidMode), parseNamespaceMode('ipc', spec.ipcMode), parseNamespaceMode('network', spec.networkMode)];
  return [...new Set(modes.flatMap((mode) => (mode?.kind === 'service' ? [mode.name] : [])))].sort();
}

/** Has the container the networks of its template? Not with another's network namespace, the host's, or none. */
export function hasOwnNetworks(spec: IsolationSpec): boolean {
  return spec.networkMode === undefined || spec.networkMode === '';
}
