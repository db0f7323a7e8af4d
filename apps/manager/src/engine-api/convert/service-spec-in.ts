import { normalServiceSpec } from '../../../../../libs/model/src/index.js';
import type {
  ContainerSpec,
  EndpointSpec,
  FileReference,
  GenericResource,
  Healthcheck,
  IsolationSpec,
  NetworkAttachmentSpec,
  Placement,
  PortConfig,
  RestartPolicy,
  ServiceMode,
  ServiceSpec,
  TaskTemplate,
  UpdateConfig,
} from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { JsonInput } from '../json-input.js';
import { omitAbsent } from '../json-output.js';
import { dependenciesFrom } from './dependencies.js';
import { mountFrom } from './mount.js';
import { shoalOptionsFrom } from './shoal-options.js';
import { privilegesFrom } from './privileges.js';

/** Docker's ServiceSpec → ours. Nothing that the CLI posts is lost: `docker service update` reads, changes and posts back. */
export function serviceSpecFrom(body: unknown): ServiceSpec {
  const input = JsonInput.from(body, '');
  const task = input.object('TaskTemplate');
  const container = task?.object('ContainerSpec');
  if (!task || !container || task.object('PluginSpec') || task.object('NetworkAttachmentSpec')) {
    throw new ApiError(400, 'mismatched Runtime and *Spec fields');
  }
  const template = templateFrom(task, container);
  // Clients before API 1.29 name the networks here.
  if (template.networks.length === 0) template.networks = input.objects('Networks').map(networkAttachmentFrom);
  return normalServiceSpec({
    name: input.string('Name') ?? '',
    labels: input.labels('Labels') ?? {},
    template: withNetworkMode(template),
    mode: modeFrom(input.object('Mode')),
    update: optional(input.object('UpdateConfig'), updateConfigFrom),
    rollback: optional(input.object('RollbackConfig'), updateConfigFrom),
    endpoint: optional(input.object('EndpointSpec'), endpointFrom),
    ...omitAbsent({ dependsOn: dependenciesFrom(input) }),
  });
}

/** Docker says with a network's name that there is none: of the host, or an empty one. */
function withNetworkMode(template: TaskTemplate): TaskTemplate {
  const [network, ...others] = template.networks;
  if (others.length > 0 || (network?.target !== 'host' && network?.target !== 'none')) return template;
  return { ...template, networks: [], container: { ...template.container, networkMode: network.target } };
}

function templateFrom(task: JsonInput, container: JsonInput): TaskTemplate {
  const resources = task.object('Resources');
  const logDriver = task.object('LogDriver');
  const options = shoalOptionsFrom(task);
  const limits = { ...optional(resources?.object('Limits'), limitsFrom), ...options.limits };
  return omitAbsent({
    container: withOptions(containerFrom(container), options.isolation),
    resources: (resources ?? options.limits) && omitAbsent({ limits, reservations: optional(resources?.object('Reservations'), reservationsFrom) }),
    restart: optional(task.object('RestartPolicy'), restartFrom),
    placement: optional(task.object('Placement'), placementFrom),
    networks: task.objects('Networks').map(networkAttachmentFrom).map((network) => ({ ...network, ...options.networks.get(network.target) })),
    logDriver: logDriver && omitAbsent({ name: logDriver.string('Name'), options: logDriver.labels('Options') ?? {} }),
    forceUpdate: task.count('ForceUpdate') ?? 0,
    runtime: nonEmpty(task.string('Runtime')),
  });
}

function withOptions(container: ContainerSpec, isolation: IsolationSpec): ContainerSpec {
  const securityOptions = { ...isolation.securityOptions, ...container.securityOptions };
  return { ...container, ...isolation, ...(Object.keys(securityOptions).length > 0 ? { securityOptions } : {}) };
}

function containerFrom(input: JsonInput): ContainerSpec {
  const dns = input.object('DNSConfig');
  return omitAbsent({
    image: input.string('Image') ?? '',
    labels: input.labels('Labels') ?? {},
    command: nonEmpty(input.strings('Command')),
    args: nonEmpty(input.strings('Args')),
    hostname: nonEmpty(input.string('Hostname')),
    env: input.strings('Env') ?? [],
    dir: nonEmpty(input.string('Dir')),
    user: nonEmpty(input.string('User')),
    groups: nonEmpty(input.strings('Groups')),
    tty: input.boolean('TTY') || undefined,
    openStdin: input.boolean('OpenStdin') || undefined,
    readOnly: input.boolean('ReadOnly') || undefined,
    stopSignal: nonEmpty(input.string('StopSignal')),
    stopGraceNs: input.integer('StopGracePeriod'),
    init: input.boolean('Init'),
    isolation: nonEmpty(input.string('Isolation')),
    healthcheck: optional(input.object('Healthcheck'), healthcheckFrom),
    hosts: input.strings('Hosts') ?? [],
    dns: dns && { nameservers: dns.strings('Nameservers') ?? [], search: dns.strings('Search') ?? [], options: dns.strings('Options') ?? [] },
    secrets: input.objects('Secrets').map((reference) => fileReferenceFrom(reference, 'Secret')),
    configs: input.objects('Configs').map((reference) => fileReferenceFrom(reference, 'Config')),
    mounts: input.objects('Mounts').map(mountFrom),
    capabilityAdd: input.strings('CapabilityAdd') ?? [],
    capabilityDrop: input.strings('CapabilityDrop') ?? [],
    sysctls: input.labels('Sysctls') ?? {},
    ulimits: input.objects('Ulimits').map((limit) => ({ name: limit.string('Name') ?? '', soft: limit.integer('Soft') ?? 0, hard: limit.integer('Hard') ?? 0 })),
    oomScoreAdj: input.integer('OomScoreAdj') || undefined,
    ...privilegesFrom(input.object('Privileges')),
  });
}

function healthcheckFrom(input: JsonInput): Healthcheck {
  return omitAbsent({
    test: input.strings('Test') ?? [],
    intervalNs: input.integer('Interval') || undefined,
    timeoutNs: input.integer('Timeout') || undefined,
    startPeriodNs: input.integer('StartPeriod') || undefined,
    startIntervalNs: input.integer('StartInterval') || undefined,
    retries: input.integer('Retries') || undefined,
  });
}

function fileReferenceFrom(input: JsonInput, kind: 'Secret' | 'Config'): FileReference {
  const file = input.object('File');
  return omitAbsent({
    id: input.string(`${kind}ID`) ?? '',
    name: input.string(`${kind}Name`) ?? '',
    file: file && { name: file.string('Name') ?? '', uid: file.string('UID') ?? '0', gid: file.string('GID') ?? '0', mode: file.count('Mode') ?? 0o444 },
  });
}

function limitsFrom(input: JsonInput) {
  return omitAbsent({ nanoCpus: input.integer('NanoCPUs') || undefined, memoryBytes: input.integer('MemoryBytes') || undefined, pids: input.integer('Pids') || undefined });
}

function reservationsFrom(input: JsonInput) {
  return omitAbsent({
    nanoCpus: input.integer('NanoCPUs') || undefined,
    memoryBytes: input.integer('MemoryBytes') || undefined,
    generic: nonEmpty(input.objects('GenericResources').map(genericFrom)),
  });
}

function genericFrom(input: JsonInput): GenericResource {
  const named = input.object('NamedResourceSpec');
  if (named) return { kind: named.string('Kind') ?? '', id: named.string('Value') ?? '' };
  const counted = input.object('DiscreteResourceSpec');
  return { kind: counted?.string('Kind') ?? '', value: counted?.integer('Value') ?? 0 };
}

function restartFrom(input: JsonInput): RestartPolicy {
  return omitAbsent({
    condition: nonEmpty(input.string('Condition')) as RestartPolicy['condition'],
    delayNs: input.integer('Delay'),
    maxAttempts: input.count('MaxAttempts'),
    windowNs: input.integer('Window'),
  });
}

function placementFrom(input: JsonInput): Placement {
  return omitAbsent({
    constraints: input.strings('Constraints') ?? [],
    preferences: input.objects('Preferences').map((preference) => ({ spread: preference.object('Spread')?.string('SpreadDescriptor') ?? '' })),
    maxReplicas: input.count('MaxReplicas') || undefined,
    platforms: input.objects('Platforms').map((platform) => omitAbsent({ architecture: nonEmpty(platform.string('Architecture')), os: nonEmpty(platform.string('OS')) })),
  });
}

function networkAttachmentFrom(input: JsonInput): NetworkAttachmentSpec {
  return omitAbsent({ target: input.string('Target') ?? '', aliases: input.strings('Aliases') ?? [], driverOpts: input.labels('DriverOpts') });
}

/** Absent and empty: replicated, once. */
function modeFrom(input: JsonInput | undefined): ServiceMode {
  const modes = ['Replicated', 'Global', 'ReplicatedJob', 'GlobalJob'].filter((name) => input?.object(name));
  if (modes.length > 1) throw new ApiError(400, `must specify only one service mode, not ${modes.join(' and ')}`);
  if (input?.object('Global')) return { kind: 'global' };
  if (input?.object('GlobalJob')) return { kind: 'global-job' };
  const job = input?.object('ReplicatedJob');
  if (job) {
    const maxConcurrent = job.count('MaxConcurrent') ?? 1;
    return { kind: 'replicated-job', maxConcurrent, totalCompletions: job.count('TotalCompletions') ?? maxConcurrent };
  }
  return { kind: 'replicated', replicas: input?.object('Replicated')?.count('Replicas') ?? 1 };
}

function updateConfigFrom(input: JsonInput): UpdateConfig {
  return omitAbsent({
    parallelism: input.count('Parallelism') ?? 0,
    delayNs: input.integer('Delay') || undefined,
    failureAction: nonEmpty(input.string('FailureAction')) as UpdateConfig['failureAction'],
    monitorNs: input.integer('Monitor') || undefined,
    maxFailureRatio: input.number('MaxFailureRatio') || undefined,
    order: nonEmpty(input.string('Order')) as UpdateConfig['order'],
  });
}

function endpointFrom(input: JsonInput): EndpointSpec {
  return omitAbsent({ mode: nonEmpty(input.string('Mode')) as EndpointSpec['mode'], ports: input.objects('Ports').map(portFrom) });
}

function portFrom(input: JsonInput): PortConfig {
  return omitAbsent({
    name: nonEmpty(input.string('Name')),
    protocol: nonEmpty(input.string('Protocol')) as PortConfig['protocol'],
    targetPort: input.integer('TargetPort') ?? 0,
    publishedPort: input.integer('PublishedPort') || undefined,
    publishMode: nonEmpty(input.string('PublishMode')) as PortConfig['publishMode'],
  });
}

function optional<T>(input: JsonInput | undefined, convert: (input: JsonInput) => T): T | undefined {
  return input && convert(input);
}

function nonEmpty<T extends string | unknown[]>(value: T | undefined): T | undefined {
  return value === undefined || value.length === 0 ? undefined : value;
}
