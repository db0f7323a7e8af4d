import type { BlockIoLimits, IsolationSpec, NetworkAttachmentSpec, ResourceLimits, SecurityOptions, TaskTemplate } from '../../../../../libs/model/src/index.js';
import type { JsonInput } from '../json-input.js';
import { omitAbsent, type Json } from '../json-output.js';

/*
 * What Docker's ServiceSpec has no word for stands in `TaskTemplate.Shoal`, in the model's words. The docker CLI drops members that
 * it does not know, so a service that is posted without it keeps what it has; an empty object says that it has nothing.
 */

const isolationKeys = [
  'privileged', 'devices', 'deviceCgroupRules', 'shmSizeBytes', 'pidMode', 'ipcMode', 'networkMode', 'usernsMode', 'cgroupnsMode', 'utsMode', 'cgroupParent', 'macAddress', 'domainname', 'runtime',
] as const satisfies readonly (keyof IsolationSpec)[];

const limitKeys = [
  'cpuShares', 'cpuQuotaUs', 'cpuPeriodUs', 'cpuRealtimeRuntimeUs', 'cpuRealtimePeriodUs', 'cpusetCpus', 'cpusetMems', 'memorySwapBytes', 'memorySwappiness', 'memoryReservationBytes', 'oomKillDisable', 'blockIo',
] as const satisfies readonly (keyof ResourceLimits)[];

export interface ShoalOptions {
  isolation: IsolationSpec;
  limits?: ResourceLimits;
  /** What is said of networks, by target. */
  networks: ReadonlyMap<string, NetworkOptions>;
}

type NetworkOptions = Pick<NetworkAttachmentSpec, 'addresses' | 'macAddress' | 'priority'>;

export function shoalOptionsTo({ container, resources, networks }: TaskTemplate): Json | undefined {
  const ofNetworks = networks.flatMap(({ target, addresses, macAddress, priority }) => (addresses || macAddress || priority !== undefined ? [omitAbsent({ target, addresses, macAddress, priority })] : []));
  const options = {
    ...(ofNetworks.length > 0 && { networks: ofNetworks }), ...pick(container, isolationKeys.filter((key) => key !== 'networkMode' || !isDockersMode(container.networkMode))), ...securityTo(container), ...pick(resources?.limits ?? {}, limitKeys) };
  return Object.keys(options).length > 0 ? options : undefined;
}

/** What `Networks` says as well. */
function isDockersMode(mode: string | undefined): boolean {
  return mode === 'host' || mode === 'none';
}

/** Docker's Privileges say the rest. */
function securityTo({ securityOptions }: IsolationSpec): Json {
  const { seccomp, apparmor, systemPaths } = securityOptions ?? {};
  return omitAbsent({ systemPaths, apparmor: apparmor === 'unconfined' ? undefined : apparmor, seccomp: seccomp?.kind === 'builtin' ? 'builtin' : undefined });
}

export function shoalOptionsFrom(task: JsonInput): ShoalOptions {
  const input = task.object('Shoal');
  if (!input) return { isolation: {}, networks: new Map() };
  const limits = limitsFrom(input);
  return { isolation: isolationFrom(input), networks: networksFrom(input), ...(Object.keys(limits).length > 0 ? { limits } : {}) };
}

function networksFrom(input: JsonInput): Map<string, NetworkOptions> {
  const networks = input.members['networks'] == null ? [] : input.objects('networks');
  return new Map(
    networks.map((network) => [
      network.string('target') ?? '',
      omitAbsent({ addresses: network.strings('addresses'), macAddress: network.string('macAddress'), priority: network.integer('priority') }),
    ]),
  );
}

function isolationFrom(input: JsonInput): IsolationSpec {
  const security: SecurityOptions = omitAbsent({
    apparmor: input.string('apparmor'),
    systemPaths: input.string('systemPaths') === 'unconfined' ? ('unconfined' as const) : undefined,
    seccomp: input.string('seccomp') === 'builtin' ? ({ kind: 'builtin' } as const) : undefined,
  });
  return omitAbsent({
    privileged: input.boolean('privileged'),
    devices: input.members['devices'] == null ? undefined : input.objects('devices').map((device) => ({ hostPath: device.string('hostPath') ?? '', containerPath: device.string('containerPath') ?? '', permissions: device.string('permissions') ?? 'rwm' })),
    deviceCgroupRules: input.strings('deviceCgroupRules'),
    shmSizeBytes: input.count('shmSizeBytes'),
    ...omitAbsent(Object.fromEntries((['pidMode', 'ipcMode', 'networkMode', 'usernsMode', 'cgroupnsMode', 'utsMode', 'cgroupParent', 'macAddress', 'domainname', 'runtime'] as const).map((key) => [key, input.string(key)]))),
    securityOptions: Object.keys(security).length > 0 ? security : undefined,
  });
}

function limitsFrom(input: JsonInput): ResourceLimits {
  const numbers = ['cpuShares', 'cpuQuotaUs', 'cpuPeriodUs', 'cpuRealtimeRuntimeUs', 'cpuRealtimePeriodUs', 'memorySwapBytes', 'memorySwappiness', 'memoryReservationBytes'] as const;
  const blockIo = input.object('blockIo');
  return omitAbsent({
    ...omitAbsent(Object.fromEntries(numbers.map((key) => [key, input.integer(key)]))),
    cpusetCpus: input.string('cpusetCpus'),
    cpusetMems: input.string('cpusetMems'),
    oomKillDisable: input.boolean('oomKillDisable'),
    blockIo: blockIo && blockIoFrom(blockIo),
  });
}

function blockIoFrom(input: JsonInput): BlockIoLimits {
  const rates = (key: string) => (input.members[key] == null ? undefined : input.objects(key).map((device) => ({ path: device.string('path') ?? '', rate: device.count('rate') ?? 0 })));
  return omitAbsent({
    weight: input.count('weight'),
    weightDevices: input.members['weightDevices'] == null ? undefined : input.objects('weightDevices').map((device) => ({ path: device.string('path') ?? '', weight: device.count('weight') ?? 0 })),
    readBytesPerSecond: rates('readBytesPerSecond'),
    writeBytesPerSecond: rates('writeBytesPerSecond'),
    readsPerSecond: rates('readsPerSecond'),
    writesPerSecond: rates('writesPerSecond'),
  });
}

/** What a service keeps when it is posted by a client that knows nothing of these options. */
export function withShoalOptionsOf(body: unknown, before: TaskTemplate): unknown {
  const posted = body as { TaskTemplate?: { Shoal?: unknown } } | undefined;
  const kept = shoalOptionsTo(before);
  if (!kept || typeof posted?.TaskTemplate !== 'object' || posted.TaskTemplate === null || posted.TaskTemplate.Shoal !== undefined) return body;
  return { ...posted, TaskTemplate: { ...posted.TaskTemplate, Shoal: kept } };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Json {
  return omitAbsent(Object.fromEntries(keys.map((key) => [key, from[key]])));
}
