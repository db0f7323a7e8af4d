import {
  defaults,
  type ContainerSpec,
  type EndpointSpec,
  type FileReference,
  type PortConfig,
  type ServiceMode,
  type ServiceSpec,
  type TaskTemplate,
  type UpdateConfig,
} from '../../../../../libs/model/src/index.js';
import { nonEmptyMap, omitAbsent, omitEmpty, type Json } from '../json-output.js';
import { dependenciesTo } from './dependencies.js';
import { mountTo } from './mount.js';
import { privilegesTo } from './privileges.js';
import { shoalOptionsTo } from './shoal-options.js';

/** Our ServiceSpec → Docker's. `insertDefaults` shows what holds where the user said nothing. */
export function serviceSpecTo(spec: ServiceSpec, options: { insertDefaults: boolean }): Json {
  const json = {
    Name: spec.name,
    Labels: spec.labels,
    TaskTemplate: { ...templateTo(spec.template), Runtime: spec.template.runtime ?? 'container' },
    Mode: modeTo(spec.mode),
    UpdateConfig: spec.update && updateConfigTo(spec.update),
    RollbackConfig: spec.rollback && updateConfigTo(spec.rollback),
    EndpointSpec: endpointSpecTo(spec.endpoint),
    Shoal: dependenciesTo(spec),
  };
  return omitAbsent(options.insertDefaults ? withDefaults(json) : json);
}

const templates = new WeakMap<TaskTemplate, Json>();

/** Many tasks share one template, and clients poll: it is converted once. */
export function templateTo(template: TaskTemplate): Json {
  let json = templates.get(template);
  if (!json) templates.set(template, (json = convertTemplate(template)));
  return json;
}

function convertTemplate(template: TaskTemplate): Json {
  const { resources, restart, placement } = template;
  return omitAbsent({
    ContainerSpec: containerTo(template.container),
    Resources: resources && omitAbsent({
      Limits: resources.limits && omitEmpty({ NanoCPUs: resources.limits.nanoCpus, MemoryBytes: resources.limits.memoryBytes, Pids: resources.limits.pids }),
      Reservations: resources.reservations && omitEmpty({
        NanoCPUs: resources.reservations.nanoCpus,
        MemoryBytes: resources.reservations.memoryBytes,
        GenericResources: (resources.reservations.generic ?? []).map((generic) =>
          'id' in generic ? { NamedResourceSpec: { Kind: generic.kind, Value: generic.id } } : { DiscreteResourceSpec: { Kind: generic.kind, Value: generic.value } },
        ),
      }),
    }),
    RestartPolicy: restart && omitAbsent({ Condition: restart.condition, Delay: restart.delayNs, MaxAttempts: restart.maxAttempts, Window: restart.windowNs }),
    Placement: placement && omitEmpty({
      Constraints: placement.constraints,
      Preferences: placement.preferences.map(({ spread }) => ({ Spread: { SpreadDescriptor: spread } })),
      MaxReplicas: placement.maxReplicas,
      Platforms: placement.platforms.map(({ architecture, os }) => omitEmpty({ Architecture: architecture, OS: os })),
    }),
    Networks: networksTo(template),
    LogDriver: template.logDriver && omitEmpty({ Name: template.logDriver.name, Options: nonEmptyMap(template.logDriver.options) }),
    ForceUpdate: template.forceUpdate,
    Shoal: shoalOptionsTo(template),
  });
}

function networksTo({ networks, container: { networkMode } }: TaskTemplate): Json[] | undefined {
  if (networkMode === 'host' || networkMode === 'none') return [{ Target: networkMode }];
  return networks.length > 0 ? networks.map(({ target, aliases, driverOpts }) => omitEmpty({ Target: target, Aliases: aliases, DriverOpts: driverOpts })) : undefined;
}

function containerTo(container: ContainerSpec): Json {
  const { healthcheck, dns } = container;
  return {
    ...omitEmpty({
      Image: container.image,
      Labels: nonEmptyMap(container.labels),
      Command: container.command,
      Args: container.args,
      Hostname: container.hostname,
      Env: container.env,
      Dir: container.dir,
      User: container.user,
      Groups: container.groups,
      Privileges: privilegesTo(container),
      StopSignal: container.stopSignal,
      TTY: container.tty,
      OpenStdin: container.openStdin,
      ReadOnly: container.readOnly,
      Mounts: container.mounts.map(mountTo),
      Hosts: container.hosts,
      Secrets: container.secrets.map((reference) => fileReferenceTo(reference, 'Secret')),
      Configs: container.configs.map((reference) => fileReferenceTo(reference, 'Config')),
      Isolation: container.isolation ?? 'default',
      Sysctls: nonEmptyMap(container.sysctls),
      CapabilityAdd: container.capabilityAdd,
      CapabilityDrop: container.capabilityDrop,
      Ulimits: container.ulimits.map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
      OomScoreAdj: container.oomScoreAdj,
    }),
    ...omitAbsent({
      Init: container.init,
      StopGracePeriod: container.stopGraceNs,
      Healthcheck: healthcheck && omitEmpty({
        Test: healthcheck.test,
        Interval: healthcheck.intervalNs,
        Timeout: healthcheck.timeoutNs,
        StartPeriod: healthcheck.startPeriodNs,
        StartInterval: healthcheck.startIntervalNs,
        Retries: healthcheck.retries,
      }),
      DNSConfig: dns && omitEmpty({ Nameservers: dns.nameservers, Search: dns.search, Options: dns.options }),
    }),
  };
}

function fileReferenceTo(reference: FileReference, kind: 'Secret' | 'Config'): Json {
  const { file } = reference;
  const target = file ? { File: { Name: file.name, UID: file.uid, GID: file.gid, Mode: file.mode } } : { Runtime: {} };
  return { ...target, [`${kind}ID`]: reference.id, [`${kind}Name`]: reference.name };
}

function modeTo(mode: ServiceMode): Json {
  switch (mode.kind) {
    case 'replicated':
      return { Replicated: { Replicas: mode.replicas ?? defaults.replicas } };
    case 'global':
      return { Global: {} };
    case 'global-job':
      return { GlobalJob: {} };
    case 'replicated-job': {
      const maxConcurrent = mode.maxConcurrent ?? 1;
      return { ReplicatedJob: { MaxConcurrent: maxConcurrent, TotalCompletions: mode.totalCompletions ?? maxConcurrent } };
    }
  }
}

function updateConfigTo(config: UpdateConfig): Json {
  return {
    Parallelism: config.parallelism,
    ...omitEmpty({ Delay: config.delayNs }),
    FailureAction: config.failureAction ?? 'pause',
    ...omitEmpty({ Monitor: config.monitorNs }),
    MaxFailureRatio: config.maxFailureRatio ?? 0,
    Order: config.order ?? 'stop-first',
  };
}

/** Always there: proxies read the mode, and Docker's server fills it in. */
export function endpointSpecTo(endpoint: EndpointSpec | undefined): Json {
  return omitEmpty({ Mode: endpoint?.mode ?? 'vip', Ports: (endpoint?.ports ?? []).map(portTo) });
}

export function portTo(port: PortConfig): Json {
  return omitEmpty({
    Name: port.name,
    Protocol: port.protocol ?? 'tcp',
    TargetPort: port.targetPort,
    PublishedPort: port.publishedPort,
    PublishMode: port.publishMode ?? 'ingress',
  });
}

function withDefaults(json: Json): Json {
  const task = json['TaskTemplate'] as Json;
  const resources = (task['Resources'] ?? {}) as Json;
  const updateDefaults = { Parallelism: 1, FailureAction: 'pause', Monitor: defaults.updateMonitorNs, MaxFailureRatio: 0, Order: 'stop-first' };
  return {
    ...json,
    TaskTemplate: {
      ...task,
      ContainerSpec: { StopGracePeriod: defaults.stopGraceNs, DNSConfig: {}, ...(task['ContainerSpec'] as Json) },
      Resources: { Limits: {}, Reservations: {}, ...resources },
      RestartPolicy: { Condition: 'any', Delay: defaults.restartDelayNs, MaxAttempts: 0, ...(task['RestartPolicy'] as Json | undefined) },
      Placement: task['Placement'] ?? {},
    },
    UpdateConfig: { ...updateDefaults, ...(json['UpdateConfig'] as Json | undefined) },
    RollbackConfig: { ...updateDefaults, ...(json['RollbackConfig'] as Json | undefined) },
  };
}
