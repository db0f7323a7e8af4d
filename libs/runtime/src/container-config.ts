import type { MountAttribute, RlimitName } from './linux.js';

/**
 * One container, decided to the last detail: the shape of the OCI runtime spec, in our words.
 * Made by `container-plan.ts`, compiled into operations by `launch-program.ts`.
 */
export interface ContainerConfig {
  id: string;
  hostname: string;
  directory: string;
  log: { path: string; maxSizeBytes: number; maxFiles: number };
  root: { lowerDirs: string[]; upperDir: string; workDir: string; mountPoint: string; readOnly: boolean; /** The kernel takes layers one by one (6.7). */ appendLayers: boolean };
  networkNamespacePath: string;
  cgroups: CgroupPlacement;
  mounts: PlannedMount[];
  /** Files in memory: secrets and configs. */
  memoryFiles: { directory: string; files: { target: string; data: Buffer; uid: number; gid: number; mode: number }[] };
  emptyFiles: string[];
  devices: { path: string; major: number; minor: number; mode: number }[];
  links: { path: string; text: string }[];
  maskedPaths: string[];
  readonlyPaths: string[];
  sysctls: { path: string; value: string; mustExist: boolean }[];
  rlimits: { name: RlimitName; soft: bigint; hard: bigint }[];
  oomScoreAdj: number;
  /** The bounding, permitted and effective set of uid 0. */
  capabilities: bigint;
  noNewPrivileges: boolean;
  process: ProcessPlan;
}

export interface CgroupPlacement {
  /** `cgroup.procs` of every group that the container joins. */
  procsFiles: string[];
  /** File with a line `oom_kill N`. */
  oomCounterFile: string;
  /** Device rules as a BPF program, where they are not files. */
  deviceFilter?: { directory: string; program: Buffer };
}

export type PlannedMount = FilesystemMount | BindMount;

export interface FilesystemMount {
  kind: 'filesystem';
  type: string;
  target: string;
  options: string[];
  attributes: MountAttribute[];
  /** The target must be what it seems: no symlink on the way to it. */
  noSymlinks?: boolean;
}

export interface BindMount {
  kind: 'bind';
  source: string;
  target: string;
  isDirectory: boolean;
  recursive: boolean;
  readOnly: boolean;
  /** Read-only for the mounts below it, too. */
  readOnlyRecursive: boolean;
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
}
