import type { Created } from './fake-swarm.js';

type Json = any;

/** What Docker's requests say, in the words of our model; without ids and empty values. */
export function fromDocker(created: Created): unknown {
  return prune({
    services: created.services.map(service).sort(byName),
    networks: created.networks.map(network).sort(byName),
    secrets: created.secrets.map(file).sort(byName),
    configs: created.configs.map(file).sort(byName),
  });
}

function service(spec: Json): Json {
  const { TaskTemplate: task, UpdateConfig, RollbackConfig } = spec;
  return {
    name: spec.Name,
    labels: spec.Labels,
    template: {
      container: container(task.ContainerSpec),
      resources: { limits: resources(task.Resources?.Limits), reservations: resources(task.Resources?.Reservations) },
      restart: task.RestartPolicy && {
        condition: task.RestartPolicy.Condition,
        delayNs: task.RestartPolicy.Delay,
        maxAttempts: task.RestartPolicy.MaxAttempts,
        windowNs: task.RestartPolicy.Window,
      },
      placement: {
        constraints: task.Placement.Constraints,
        preferences: task.Placement.Preferences?.map((preference: Json) => ({ spread: preference.Spread.SpreadDescriptor })),
        maxReplicas: task.Placement.MaxReplicas,
      },
      networks: task.Networks.map((attachment: Json) => ({ target: attachment.Target, aliases: attachment.Aliases, driverOpts: attachment.DriverOpts })),
      logDriver: task.LogDriver && { name: task.LogDriver.Name, options: task.LogDriver.Options },
      forceUpdate: task.ForceUpdate,
    },
    mode: mode(spec.Mode),
    update: update(UpdateConfig),
    rollback: update(RollbackConfig),
    endpoint: {
      mode: spec.EndpointSpec.Mode,
      ports: spec.EndpointSpec.Ports?.map((port: Json) => ({ protocol: port.Protocol, targetPort: port.TargetPort, publishedPort: port.PublishedPort, publishMode: port.PublishMode })),
    },
  };
}

function container(spec: Json): Json {
  const credentials = spec.Privileges?.CredentialSpec;
  return {
    image: spec.Image,
    labels: spec.Labels,
    command: spec.Command,
    args: spec.Args,
    hostname: spec.Hostname,
    env: spec.Env,
    dir: spec.Dir,
    user: spec.User,
    tty: spec.TTY,
    openStdin: spec.OpenStdin,
    readOnly: spec.ReadOnly,
    stopSignal: spec.StopSignal,
    stopGraceNs: spec.StopGracePeriod,
    init: spec.Init,
    isolation: spec.Isolation,
    healthcheck: spec.Healthcheck && {
      test: spec.Healthcheck.Test,
      intervalNs: spec.Healthcheck.Interval,
      timeoutNs: spec.Healthcheck.Timeout,
      startPeriodNs: spec.Healthcheck.StartPeriod,
      startIntervalNs: spec.Healthcheck.StartInterval,
      retries: spec.Healthcheck.Retries,
    },
    hosts: spec.Hosts,
    dns: spec.DNSConfig && { nameservers: spec.DNSConfig.Nameservers, search: spec.DNSConfig.Search },
    secrets: spec.Secrets?.map((reference: Json) => fileReference(reference, reference.SecretName)),
    configs: spec.Configs?.map((reference: Json) => fileReference(reference, reference.ConfigName)),
    mounts: spec.Mounts?.map(mount),
    capabilityAdd: spec.CapabilityAdd,
    capabilityDrop: spec.CapabilityDrop,
    sysctls: spec.Sysctls,
    ulimits: spec.Ulimits?.map((limit: Json) => ({ name: limit.Name, soft: limit.Soft, hard: limit.Hard })),
    privileges: credentials && { credentialSpec: { file: credentials.File, registry: credentials.Registry } },
  };
}

function fileReference(reference: Json, name: string): Json {
  return { name, file: reference.File && { name: reference.File.Name, uid: reference.File.UID, gid: reference.File.GID, mode: reference.File.Mode } };
}

function mount(spec: Json): Json {
  const options = spec.VolumeOptions;
  return {
    type: spec.Type,
    source: spec.Source,
    target: spec.Target,
    readOnly: spec.ReadOnly,
    consistency: spec.Consistency,
    propagation: spec.BindOptions?.Propagation,
    noCopy: options?.NoCopy,
    subpath: options?.Subpath,
    labels: options?.Labels,
    driver: options?.DriverConfig && { name: options.DriverConfig.Name, options: options.DriverConfig.Options },
    sizeBytes: spec.TmpfsOptions?.SizeBytes,
  };
}

function resources(spec: Json): Json {
  return (
    spec && {
      nanoCpus: spec.NanoCPUs,
      memoryBytes: spec.MemoryBytes,
      pids: spec.Pids,
      generic: spec.GenericResources?.map(({ DiscreteResourceSpec: discrete }: Json) => discrete && { kind: discrete.Kind, value: discrete.Value }),
    }
  );
}

function update(spec: Json): Json {
  return (
    spec && {
      parallelism: spec.Parallelism,
      delayNs: spec.Delay,
      failureAction: spec.FailureAction,
      monitorNs: spec.Monitor,
      maxFailureRatio: spec.MaxFailureRatio,
      order: spec.Order,
    }
  );
}

function mode(spec: Json): Json {
  if (spec.Global) return { kind: 'global' };
  if (spec.GlobalJob) return { kind: 'global-job' };
  if (spec.ReplicatedJob) return { kind: 'replicated-job', maxConcurrent: spec.ReplicatedJob.MaxConcurrent, totalCompletions: spec.ReplicatedJob.TotalCompletions };
  return { kind: 'replicated', replicas: spec.Replicated.Replicas };
}

function network(spec: Json): Json {
  return {
    name: spec.Name,
    labels: spec.Labels,
    driver: spec.Driver,
    driverOpts: spec.Options,
    internal: spec.Internal,
    attachable: spec.Attachable,
    ipam: spec.IPAM && { driver: spec.IPAM.Driver, configs: spec.IPAM.Config?.map((config: Json) => ({ subnet: config.Subnet })) },
  };
}

function file(spec: Json): Json {
  return {
    name: spec.Name,
    labels: spec.Labels,
    driver: spec.Driver && { name: spec.Driver.Name, options: spec.Driver.Options },
    templating: spec.Templating && { name: spec.Templating.Name },
    data: spec.Data ?? '',
  };
}

function byName(a: Json, b: Json): number {
  return a.name < b.name ? -1 : 1;
}

/** Without what says nothing: absent, null, false, "", empty lists and mappings. 0 counts where Docker sends it as a pointer. */
export function prune(value: Json): Json {
  if (Array.isArray(value)) return value.map(prune);
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.entries(value).map(([key, field]) => [key, prune(field)] as const);
  return Object.fromEntries(fields.filter(([key, field]) => !isEmpty(key, field)));
}

const zeroCounts = new Set(['replicas', 'parallelism', 'maxConcurrent', 'totalCompletions', 'mode', 'init', 'soft', 'hard', 'value']);

function isEmpty(key: string, value: Json): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (value === false || value === 0) return !zeroCounts.has(key);
  return typeof value === 'object' && Object.keys(value).length === 0 && key !== 'placement';
}
