/** What a manager asks an agent to do with one container on behalf of a user, and what comes back: the JSON of the Container rpc. */
export type ContainerOperation =
  | { kind: 'inspect' }
  /** Of all containers of the node, whichever is named. */
  | { kind: 'states' }
  | ExecOperation
  | { kind: 'attach'; stdin: boolean; stdout: boolean; stderr: boolean }
  | { kind: 'resize'; size: TerminalSize }
  | { kind: 'top' }
  /** One sample each second; without `follow` the first `samples` only. */
  | { kind: 'stats'; follow: boolean; samples: number }
  | { kind: 'changes' }
  | { kind: 'stat-path'; path: string }
  | { kind: 'read-archive'; path: string }
  | { kind: 'write-archive'; path: string; noOverwriteDirNonDir: boolean; copyUidGid: boolean }
  | { kind: 'export' }
  | CommitOperation
  | { kind: 'signal'; signal: string }
  /** `graceMs` absent: the container's own; below zero: for ever. */
  | { kind: 'stop'; signal?: string; graceMs?: number }
  | { kind: 'pause' }
  | { kind: 'unpause' }
  /** Of the node, as are the others about volumes: no container is named. */
  | { kind: 'volumes' }
  | { kind: 'create-volume'; name: string; driver?: string; options: Record<string, string>; labels: Record<string, string> }
  | { kind: 'remove-volume'; name: string }
  /** Of the node: its `NetworkFacts`; with `probe` it tries the way to every other node, which takes up to two seconds. */
  | { kind: 'network'; probe: boolean };

export type ContainerOperationKind = ContainerOperation['kind'];

export interface ExecOperation {
  kind: 'exec';
  argv: string[];
  env: string[];
  user?: string;
  workingDir?: string;
  tty: boolean;
  size?: TerminalSize;
  stdin: boolean;
  privileged: boolean;
  /** Nobody listens: it goes on when the stream ends. */
  detach: boolean;
  /** When its user is gone without having left on purpose, it gets SIGHUP. Docker's clients leave without a word: theirs goes on. */
  hangUp: boolean;
}

export interface CommitOperation {
  kind: 'commit';
  /** `name:tag`; empty: the image has no name. */
  reference: string;
  comment: string;
  author: string;
  /** Dockerfile lines that change the image's config. */
  changes: string[];
  pause: boolean;
}

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** What the node of a container knows of it: the result of `inspect`. */
export interface ContainerFacts {
  /** Undefined: the container is not here (any more). */
  state?: 'creating' | 'created' | 'running' | 'paused' | 'exited';
  pid: number;
  health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** Absent: the image of its spec is not here. */
  image?: ContainerImageFacts;
}

export interface ContainerImageFacts {
  /** `sha256:…` of its config. */
  id: string;
  manifestDigest: string;
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workingDir: string;
  user: string;
  stopSignal: string;
  exposedPorts: string[];
  volumes: string[];
  labels: Record<string, string>;
}

/** The result of `states`: by container id, those that run or are paused. */
export type LiveStates = Record<string, LiveState>;

export interface LiveState {
  isPaused: boolean;
  health: ContainerFacts['health'];
}

/** A volume of a node: the result of `create-volume`, and each of that of `volumes`. */
export interface VolumeFacts {
  name: string;
  /** Of the driver `local`: type, o, device. */
  options: Record<string, string>;
  labels: Record<string, string>;
  /** RFC 3339. */
  createdAt: string;
  mountPoint: string;
  anonymous: boolean;
  /** Ids of the containers that use it. */
  users: string[];
}
