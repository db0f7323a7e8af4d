/** Shapes of the Docker Engine API, as far as this program reads them. Absent and zero mean the same. */

export interface Versioned {
  ID: string;
  Version?: { Index?: number };
  CreatedAt: string;
  UpdatedAt: string;
}

export interface Annotations {
  Name: string;
  Labels?: Record<string, string> | null;
}

export interface Port {
  Protocol?: string;
  TargetPort?: number;
  PublishedPort?: number;
  PublishMode?: string;
}

export interface ServiceMode {
  Replicated?: { Replicas?: number };
  Global?: object;
  ReplicatedJob?: { MaxConcurrent?: number; TotalCompletions?: number };
  GlobalJob?: object;
}

export interface RestartPolicy {
  Condition?: 'none' | 'on-failure' | 'any';
  MaxAttempts?: number;
}

export interface TaskSpec {
  ContainerSpec?: { Image?: string; Env?: string[]; Args?: string[]; TTY?: boolean; [key: string]: unknown };
  Resources?: { Limits?: { MemoryBytes?: number; NanoCPUs?: number }; Reservations?: object };
  RestartPolicy?: RestartPolicy;
  Placement?: { MaxReplicas?: number; Constraints?: string[]; [key: string]: unknown };
  Networks?: { Target?: string; Aliases?: string[] }[];
  ForceUpdate?: number;
}

export interface ServiceSpec extends Annotations {
  TaskTemplate: TaskSpec;
  Mode?: ServiceMode;
  UpdateConfig?: { Monitor?: number; [key: string]: unknown };
  EndpointSpec?: { Mode?: string; Ports?: Port[] };
}

export interface UpdateStatus {
  State?: 'updating' | 'paused' | 'completed' | 'rollback_started' | 'rollback_paused' | 'rollback_completed';
  StartedAt?: string;
  CompletedAt?: string;
  Message?: string;
}

export interface Service extends Versioned {
  Spec: ServiceSpec;
  PreviousSpec?: ServiceSpec;
  Endpoint?: { Ports?: Port[] | null };
  UpdateStatus?: UpdateStatus;
  ServiceStatus?: { RunningTasks?: number; DesiredTasks?: number; CompletedTasks?: number };
  JobStatus?: { JobIteration?: { Index?: number } };
  Shoal?: { Stopped?: boolean; Canary?: boolean; Cron?: Cron; Waiting?: Wait };
}

/** A service that runs now and then. */
export interface Cron {
  Schedule: string;
  Concurrency: string;
  NextRun?: string;
  /** How many runs are not over. */
  UnderWay?: number;
  /** What became of the time that was due last, when it made no run. */
  Message?: string;
}

/** What a service waits for by `depends_on`; failed: it will wait for ever. */
export interface Wait {
  Message: string;
  Failed: boolean;
}

export interface TaskStatus {
  Timestamp?: string;
  State: string;
  Message?: string;
  Err?: string;
  ContainerStatus?: { ContainerID?: string; ExitCode?: number };
  PortStatus?: { Ports?: Port[] };
}

export interface Task extends Versioned {
  Spec: TaskSpec;
  ServiceID: string;
  Slot?: number;
  NodeID?: string;
  Status: TaskStatus;
  DesiredState: string;
  JobIteration?: { Index?: number };
}

export interface TlsInfo {
  TrustRoot?: string;
  CertIssuerSubject?: string;
  CertIssuerPublicKey?: string;
}

export interface NodeSpec {
  Name?: string;
  Labels?: Record<string, string> | null;
  Role?: string;
  Availability?: string;
}

export interface ClusterNode extends Versioned {
  Spec: NodeSpec;
  Description: {
    Hostname?: string;
    Engine?: { EngineVersion?: string };
    TLSInfo?: TlsInfo;
  };
  Status?: { State?: string; Message?: string; Addr?: string };
  ManagerStatus?: { Leader?: boolean; Reachability?: string; Addr?: string } | null;
}

export interface SecretOrConfig extends Versioned {
  Spec: Annotations & { Data?: string; Driver?: { Name?: string } };
}

/** A volume by its name, wherever it is. */
export interface Volume {
  Name: string;
  Driver: string;
  Mountpoint: string;
  Scope: string;
  CreatedAt?: string;
  Labels?: Record<string, string> | null;
  Options?: Record<string, string> | null;
  /** By node: ids of the containers that use it. */
  Status?: Record<string, string[]>;
}

export interface VolumeList {
  Volumes: Volume[] | null;
  Warnings: string[] | null;
}

export interface Network {
  Id: string;
  Name: string;
  Created?: string;
  Scope?: string;
  Driver?: string;
  Internal?: boolean;
  EnableIPv4?: boolean;
  EnableIPv6?: boolean;
  Ingress?: boolean;
  Labels?: Record<string, string> | null;
}

export interface Info {
  ID?: string;
  Name?: string;
  ServerVersion?: string;
  OperatingSystem?: string;
  OSType?: string;
  KernelVersion?: string;
  Architecture?: string;
  NCPU?: number;
  MemTotal?: number;
  Containers?: number;
  ContainersRunning?: number;
  Images?: number;
  Swarm?: {
    NodeID?: string;
    NodeAddr?: string;
    LocalNodeState?: string;
    ControlAvailable?: boolean;
    Error?: string;
    Nodes?: number;
    Managers?: number;
    Cluster?: { ID?: string; TLSInfo?: TlsInfo; DefaultAddrPool?: string[] | null; SubnetSize?: number; DataPathPort?: number } | null;
    RemoteManagers?: { NodeID: string; Addr: string }[] | null;
  };
  Warnings?: string[] | null;
}

/** One deploy of a stack, as the manager tells of it. */
export interface Revision {
  revision: number;
  /** RFC 3339. */
  deployedAt: string;
  /** Empty when the client did not say. */
  deployedBy: string;
  rollbackTo?: number;
  services: { name: string; image: string }[];
}
