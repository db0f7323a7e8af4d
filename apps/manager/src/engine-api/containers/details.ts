import { hasEnded, runningSinceOf, type ClusterView, type ContainerFacts, type ContainerSpec, type ResourceLimits } from '../../../../../libs/model/src/index.js';
import { omitAbsent, omitEmpty, type Json } from '../json-output.js';
import { mountTo } from '../convert/mount.js';
import { labelsOf, type ClusterContainer } from './cluster-container.js';
import { endpointsTo } from './endpoints.js';
import { hostOptionsTo } from './host-options.js';
import { mountPointsTo } from './mount-points.js';
import { portsOf, stateOf, type StateWord } from './summary.js';

/** Go's zero time: not yet. */
const never = '0001-01-01T00:00:00Z';

/** `docker inspect` of a container. `facts` are its node's; undefined: the node cannot be asked. */
export function detailsTo(view: ClusterView, container: ClusterContainer, facts: ContainerFacts | undefined): Json {
  const { task, template, id } = container;
  const spec = template?.container;
  const argv = argvOf(spec, facts);
  return {
    Id: id,
    Created: task.createdAt,
    Path: argv[0] ?? '',
    Args: argv.slice(1),
    State: stateTo(container, facts),
    Image: facts?.image?.id ?? '',
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: hostConfigTo(container, spec, template?.resources?.limits ?? {}),
    GraphDriver: { Name: 'overlay2', Data: null },
    Mounts: mountPointsTo(spec?.mounts ?? []),
    Config: configTo(container, spec, facts),
    NetworkSettings: networkSettingsTo(view, container),
  };
}

function stateTo(container: ClusterContainer, facts: ContainerFacts | undefined): Json {
  const { task } = container;
  const { status } = task;
  // Its node knows of an end before the cluster does.
  const word: StateWord = facts?.state === 'exited' ? 'exited' : stateOf(task, facts && { isPaused: facts.state === 'paused', health: facts.health });
  return {
    Status: word,
    Running: word === 'running' || word === 'paused',
    Paused: word === 'paused',
    Restarting: false,
    OOMKilled: status.container?.oomKilled ?? false,
    Dead: false,
    Pid: word === 'exited' ? 0 : facts?.pid || (status.container?.pid ?? 0),
    ExitCode: status.container?.exitCode ?? 0,
    Error: status.error,
    StartedAt: runningSinceOf(status) ?? never,
    FinishedAt: hasEnded(task) ? status.timestamp : never,
    ...(facts && facts.health !== 'none' && { Health: { Status: facts.health, FailingStreak: 0, Log: [] } }),
  };
}

/** What the container was started with: the spec's words before the image's. */
function argvOf(spec: ContainerSpec | undefined, facts: ContainerFacts | undefined): string[] {
  const entrypoint = spec?.command ?? facts?.image?.entrypoint ?? [];
  // As in Docker, an entrypoint of one's own does away with the image's arguments.
  const cmd = spec?.args ?? (spec?.command ? [] : (facts?.image?.cmd ?? []));
  return [...entrypoint, ...cmd];
}

function configTo(container: ClusterContainer, spec: ContainerSpec | undefined, facts: ContainerFacts | undefined): Json {
  const image = facts?.image;
  const health = spec?.healthcheck;
  return omitAbsent({
    Hostname: spec?.hostname ?? container.id.slice(0, 12),
    Domainname: spec?.domainname ?? '',
    User: spec?.user ?? image?.user ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: image && image.exposedPorts.length > 0 ? Object.fromEntries(image.exposedPorts.map((port) => [port, {}])) : undefined,
    Tty: spec?.tty ?? false,
    OpenStdin: spec?.openStdin ?? false,
    StdinOnce: false,
    Env: [...(image?.env ?? []), ...(spec?.env ?? [])],
    Cmd: spec?.args ?? (spec?.command ? null : (image?.cmd ?? null)),
    Healthcheck: health && omitEmpty({ Test: health.test, Interval: health.intervalNs, Timeout: health.timeoutNs, StartPeriod: health.startPeriodNs, Retries: health.retries }),
    Image: spec?.image ?? '',
    Volumes: image && image.volumes.length > 0 ? Object.fromEntries(image.volumes.map((path) => [path, {}])) : null,
    WorkingDir: spec?.dir ?? image?.workingDir ?? '',
    Entrypoint: spec?.command ?? (image && image.entrypoint.length > 0 ? image.entrypoint : null),
    OnBuild: null,
    Labels: { ...image?.labels, ...labelsOf(container) },
    StopSignal: spec?.stopSignal ?? (image?.stopSignal || undefined),
    StopTimeout: spec?.stopGraceNs === undefined ? undefined : Math.round(spec.stopGraceNs / 1e9),
  });
}

function hostConfigTo(container: ClusterContainer, spec: ContainerSpec | undefined, limits: ResourceLimits): Json {
  return {
    ...neutralHostConfig,
    NetworkMode: spec?.networkMode ?? 'default',
    PortBindings: portBindingsTo(container),
    LogConfig: { Type: container.template?.logDriver?.name ?? 'json-file', Config: container.template?.logDriver?.options ?? {} },
    CapAdd: spec?.capabilityAdd.length ? spec.capabilityAdd : null,
    CapDrop: spec?.capabilityDrop.length ? spec.capabilityDrop : null,
    CgroupnsMode: spec?.cgroupnsMode ?? 'private',
    Dns: spec?.dns?.nameservers ?? null,
    DnsOptions: spec?.dns?.options ?? null,
    DnsSearch: spec?.dns?.search ?? null,
    ExtraHosts: spec?.hosts.length ? spec.hosts : null,
    GroupAdd: spec?.groups ?? null,
    IpcMode: spec?.ipcMode ?? 'private',
    PidMode: spec?.pidMode ?? '',
    UTSMode: spec?.utsMode ?? '',
    UsernsMode: spec?.usernsMode ?? '',
    Privileged: spec?.privileged ?? false,
    ReadonlyRootfs: spec?.readOnly ?? false,
    OomScoreAdj: spec?.oomScoreAdj ?? 0,
    ShmSize: spec?.shmSizeBytes ?? 64 * 1024 * 1024,
    Sysctls: spec?.sysctls ?? {},
    Init: spec?.init ?? null,
    Mounts: (spec?.mounts ?? []).map(mountTo),
    Ulimits: (spec?.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
    ...hostOptionsTo(spec, limits),
  };
}

/** What a task's container has no word for: clients expect the members all the same. */
const neutralHostConfig: Json = {
  Binds: null,
  ContainerIDFile: '',
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  Cgroup: '',
  Links: null,
  PublishAllPorts: false,
  Runtime: 'shoal',
  Isolation: '',
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  DeviceRequests: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
};

function portBindingsTo(container: ClusterContainer): Record<string, Json[]> {
  return Object.fromEntries(
    portsOf(container).map(({ protocol = 'tcp', targetPort, publishedPort }) => [`${targetPort}/${protocol}`, [{ HostIp: '0.0.0.0', HostPort: String(publishedPort ?? '') }]]),
  );
}

function networkSettingsTo(view: ClusterView, container: ClusterContainer): Json {
  const networks = endpointsTo(view, container);
  return {
    Bridge: '',
    SandboxID: container.id,
    SandboxKey: '',
    Ports: portBindingsTo(container),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: '',
    Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: '',
    IPPrefixLen: 0,
    IPv6Gateway: '',
    MacAddress: '',
    Networks: networks,
  };
}
