import type { LogPlan } from './log-plan.js';
import type { MountAttribute, RlimitName } from './linux.js';
import type { SeccompProfile } from './seccomp/profile.js';

/**
 * One container, decided to the last detail: the shape of the OCI runtime spec, in our words.
 * Made by `container-plan.ts` or from a bundle's `config.json`, compiled into operations by `launch-program.ts`.
 */
export interface ContainerConfig {
  id: string;
  /** Absent: the namespace keeps the name that it has. */
  hostname?: string;
  domainname?: string;
  directory: string;
  log: LogPlan;
  root: RootPlan;
  /** A kind that is missing is the host's. */
  namespaces: NamespacePlan[];
  /** Of a new user namespace. */
  idMap?: IdMap;
  /** Its other new namespaces belong to its new user namespace, as the OCI spec wants: its root may do there what it may. */
  userOwnsNamespaces?: boolean;
  /** Of a new time namespace. */
  timeOffsets?: TimeOffset[];
  cgroups: CgroupPlacement;
  mounts: PlannedMount[];
  /** Files in memory: secrets and configs. */
  memoryFiles: { directory: string; files: { target: string; data: Buffer; uid: number; gid: number; mode: number }[] };
  emptyFiles: string[];
  devices: DeviceNode[];
  links: { path: string; text: string }[];
  maskedPaths: string[];
  readonlyPaths: string[];
  /** Mounts that become read-only once all stands: others had to be made below them. */
  readOnlyMounts?: string[];
  sysctls: { path: string; value: string; mustExist: boolean }[];
  rlimits: { name: RlimitName; soft: bigint; hard: bigint }[];
  /** Absent: as its parent's. */
  oomScoreAdj?: number;
  capabilities: CapabilitySets;
  noNewPrivileges: boolean;
  seccomp: SeccompChoice;
  labels: SecurityLabels;
  hooks?: Hooks;
  personality?: Personality;
  ioPriority?: IoPriority;
  scheduler?: Scheduler;
  process: ProcessPlan;
}

export interface RootPlan {
  /** Where the root is on the host, visible only to the container. */
  mountPoint: string;
  readOnly: boolean;
  /** Of `/` inside, in the end. Absent: private, or slave where a mount needs it. */
  propagation?: Propagation | 'unbindable' | 'runbindable';
  /** Absent: what is at `mountPoint` already (OCI's `root.path`). */
  overlay?: OverlayPlan;
}

export interface OverlayPlan {
  /** Topmost first. */
  lowerDirs: string[];
  upperDir: string;
  workDir: string;
  /** The kernel takes layers one by one (6.7). */
  appendLayers: boolean;
}

export type NamespaceKind = 'mount' | 'uts' | 'ipc' | 'network' | 'pid' | 'user' | 'cgroup' | 'time';

/** A new namespace, or the one behind a file such as /run/netns/x or /proc/7/ns/ipc. */
export interface NamespacePlan {
  kind: NamespaceKind;
  path?: string;
}

/** Ranges of ids inside and outside. What is in none does not exist inside. */
export interface IdMap {
  uids: IdRange[];
  gids: IdRange[];
}

export interface IdRange {
  containerId: number;
  hostId: number;
  size: number;
}

export interface TimeOffset {
  clock: 'monotonic' | 'boottime';
  seconds: bigint;
  nanoseconds: number;
}

export interface DeviceNode {
  path: string;
  /** Absent: `c`. `u` is an unbuffered `c`, `p` a fifo. */
  type?: 'b' | 'c' | 'u' | 'p';
  major: number;
  minor: number;
  /** Permission bits. */
  mode: number;
  /** By ids of the container; absent: root. */
  uid?: number;
  gid?: number;
}

/** What uid 0 has. The kernel takes permitted and effective away from any other uid at execve, but for the ambient ones. */
export interface CapabilitySets {
  bounding: bigint;
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  ambient: bigint;
}

/** `default`: Docker's own, for the bounding set. */
export type SeccompChoice = 'default' | 'unconfined' | { profile: SeccompProfile; /** SECCOMP_FILTER_FLAG_… */ flags?: number; listener?: SeccompListener };

/** Another program that decides about system calls (`SCMP_ACT_NOTIFY`). */
export interface SeccompListener {
  /** Of its unix socket. */
  path: string;
  /** What it is told, whatever that means to it. */
  metadata?: string;
}

export interface SecurityLabels {
  /** Name of a loaded AppArmor profile. */
  apparmorProfile?: string;
  /** SELinux label of the process. */
  selinuxProcess?: string;
  /** SELinux label of the container's own filesystems. */
  selinuxMount?: string;
}

export type HookPoint = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop';

/** Programs of the OCI spec, run in order with the state as JSON on their standard input. */
export type Hooks = Partial<Record<HookPoint, Hook[]>>;

export interface Hook {
  path: string;
  /** With the name of the program; empty: the path. */
  args: string[];
  /** Absent: ours. */
  env?: string[];
  timeoutMs?: number;
}

/** personality(2): 0 is `LINUX`, 8 is `LINUX32`. */
export interface Personality {
  domain: number;
}

/** ioprio_set(2). */
export interface IoPriority {
  class: 'realtime' | 'best-effort' | 'idle';
  level: number;
}

/** sched_setattr(2), with the kernel's numbers. */
export interface Scheduler {
  policy: number;
  flags: bigint;
  nice: number;
  priority: number;
  runtimeNs: bigint;
  deadlineNs: bigint;
  periodNs: bigint;
}

export interface CgroupPlacement {
  /** `cgroup.procs` of every group that the container joins. */
  procsFiles: string[];
  /** Its group of v2, where there is one: the process can be born in it. Its `cgroup.procs` is among `procsFiles` all the same. */
  unifiedDirectory?: string;
  /** File with a line `oom_kill N`; empty: no memory controller. */
  oomCounterFile: string;
  /** Device rules as a BPF program, where they are not files. */
  deviceFilter?: { directory: string; program: Buffer };
}

export type PlannedMount = FilesystemMount | BindMount;

/** What any mount may have besides: OCI's options, sorted. */
export interface MountOptions {
  /** Taken away: `rw`, `exec`, `suid`, `dev` where the source has more. */
  clearAttributes?: MountAttribute[];
  /** For the mounts below it, too: `rro`, `rnosuid`, … */
  recursiveAttributes?: MountAttribute[];
  clearRecursiveAttributes?: MountAttribute[];
  /** Ids on disk ↔ ids of the host's view: mount_setattr's MOUNT_ATTR_IDMAP. */
  idMap?: IdMap & { recursive?: boolean };
}

export interface FilesystemMount extends MountOptions {
  kind: 'filesystem';
  type: string;
  target: string;
  options: string[];
  attributes: MountAttribute[];
  /** Absent: private. */
  propagation?: Propagation;
  /** The target must be what it seems: no symlink on the way to it. */
  noSymlinks?: boolean;
  /** A tmpfs that begins with what the image has at its place (`tmpcopyup`). */
  copyUp?: boolean;
}

export interface BindMount extends MountOptions {
  kind: 'bind';
  source: string;
  /** The source is a path in the mount namespace behind this file, such as /proc/7/ns/mnt. */
  sourceNamespace?: string;
  target: string;
  isDirectory: boolean;
  recursive: boolean;
  readOnly: boolean;
  /** Read-only for the mounts below it, too. */
  readOnlyRecursive: boolean;
  /** Besides read-only. */
  attributes?: MountAttribute[];
  propagation: Propagation;
  mayBeProc: boolean;
  /** A symlink of the image at the target gives way. */
  replaceSymlink: boolean;
  /** Fill the source from what the image has at the target. */
  copyUp: boolean;
}

export type Propagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';

/** A process of the container before its user is looked up in the container's own files. */
export interface ProcessPlan {
  argv: string[];
  env: string[];
  /** `user[:group]` as given; empty: root. */
  user: string;
  extraGroups: string[];
  workingDirectory: string;
  terminal: boolean;
  openStdin: boolean;
  /** Its standard input ends with the first client that writes to it. */
  stdinOnce?: boolean;
  /** Absent: 022. */
  umask?: number;
  /** Of its terminal, from the beginning. */
  terminalSize?: { rows: number; columns: number };
  /** Descriptors 3, 4, … that stay open over execve. */
  preservedDescriptors?: number;
}

/** A user's mount with its source found on this machine. */
export interface MountSource {
  mount: PlannedMount;
  /** Name of the volume behind it. */
  volume?: string;
  /** The volume was made just now, for this container. */
  isNew?: boolean;
  /** The volume ends with the container. */
  anonymous?: boolean;
  /** Lets go of what holds the source, once it is mounted. */
  release?: () => void;
}
