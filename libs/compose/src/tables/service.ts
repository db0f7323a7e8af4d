import type { Printable } from '../yaml/emitter.js';
import { listOf } from '../fields/collections.js';
import { dependencies } from '../fields/dependencies.js';
import { envFiles } from '../fields/env-files.js';
import type { Kind, Struct } from '../fields/kind.js';
import { mapOf, replace, struct, unprinted, wrongKind } from '../fields/kind.js';
import { keyedList } from '../fields/keyed-list.js';
import { extraHosts, healthTest, shellCommand, stringOrList, stringOrNumberList, strings } from '../fields/lists.js';
import { environment, labels, options } from '../fields/mappings.js';
import { mounts } from '../fields/mounts.js';
import { ports } from '../fields/ports.js';
import { byteSize, count, duration, flag, mode, optionalCount, optionalDuration, optionalFlag, ratio, signed, text } from '../fields/scalars.js';
import { deployPlacement, deployTraffic, deviceReservations, placementSpec, specFields, deployUpdates, updateSpec } from './spec.js';

/*
 * The long form of a compose file: one table per mapping, with the keys as users write them, in the order in which
 * `docker stack config` prints them. Each entry says how the key is read, merged and printed.
 */

const build = struct({
  context: text,
  dockerfile: text,
  args: environment,
  labels,
  cache_from: stringOrList,
  extra_hosts: extraHosts,
  network: text,
  target: text,
});

/** `build: .` is short for the context. */
const buildOrContext: Kind<Struct<{ context: Kind<string> }>> = {
  ...build,
  decode: (value, context) => (value.kind === 'string' ? { ...(value.text ? { context: value.text } : {}) } : build.decode(value, context)),
};

const updateFields = { parallelism: optionalCount, delay: duration, failure_action: text, monitor: duration, max_failure_ratio: ratio, order: text };
const updateConfig = struct({ ...updateFields, ...updateSpec }, { keepEmpty: true });
const rollbackConfig = struct(updateFields, { keepEmpty: true });

const discreteStruct = struct({ kind: text, value: signed });

/** Both fields are printed, whatever was written. */
const discreteResource: typeof discreteStruct = {
  ...discreteStruct,
  print: (value) => new Map<string, Printable>([
    ['kind', value.kind ?? ''],
    ['value', { raw: String(value.value ?? 0n) }],
  ]),
};

const genericResource = struct({ discrete_resource_spec: discreteResource }, { keepEmpty: true });

const deploy = struct({
  mode: text,
  replicas: optionalCount,
  labels,
  update_config: updateConfig,
  rollback_config: rollbackConfig,
  resources: struct({
    limits: struct({ cpus: text, memory: byteSize, pids: signed }, { keepEmpty: true }),
    reservations: struct({ cpus: text, memory: byteSize, generic_resources: listOf(genericResource), devices: deviceReservations }, { keepEmpty: true }),
  }),
  restart_policy: struct(
    { condition: text, delay: optionalDuration, max_attempts: optionalCount, window: optionalDuration },
    { keepEmpty: true },
  ),
  placement: struct({ constraints: strings, preferences: listOf(struct({ spread: text }, { keepEmpty: true })), max_replicas_per_node: count, ...placementSpec }),
  endpoint_mode: text,
  ...deployTraffic,
  ...deployUpdates,
  ...deployPlacement,
});

const healthcheck = struct(
  {
    test: healthTest,
    timeout: optionalDuration,
    interval: optionalDuration,
    retries: optionalCount,
    start_period: optionalDuration,
    start_interval: optionalDuration,
    disable: flag,
  },
  { keepEmpty: true },
);

const fileReference = struct({ source: text, target: text, uid: text, gid: text, mode }, { keepEmpty: true });

const fileReferences = keyedList(fileReference, (reference) => reference.source ?? '', (value, context) =>
  value.kind === 'string' ? [value.text ? { source: value.text } : {}] : wrongKind(value, context, 'a name or a mapping'),
);

const loggingFields = { driver: text, options };
const loggingStruct = struct(loggingFields, { keepEmpty: true });

/** The options of another driver replace the earlier ones; Docker also loses options that are the first of their driver. */
const logging: Kind<Struct<typeof loggingFields>> = {
  ...loggingStruct,
  merge(base, override) {
    if (base.driver !== undefined && override.driver !== undefined && base.driver !== override.driver) return override;
    const driver = base.driver ?? override.driver;
    const merged = base.options && new Map([...base.options, ...(override.options ?? [])]);
    return { ...(driver === undefined ? {} : { driver }), ...(merged ? { options: merged } : {}) };
  },
};

const serviceNetworkStruct = struct(
  { aliases: strings, driver_opts: options, ipv4_address: text, ipv6_address: text, mac_address: text, priority: signed, gw_priority: signed },
  { keepEmpty: true },
);

/** How a service is attached to one network. */
export interface ServiceNetwork {
  aliases?: string[];
  driver_opts?: Map<string, string>;
  ipv4_address?: string;
  ipv6_address?: string;
  mac_address?: string;
  priority?: bigint;
  gw_priority?: bigint;
}

/** Null: named without any setting. */
const serviceNetworkMap = mapOf<ServiceNetwork | null>(
  {
    decode: (value, context) => (value.kind === 'null' ? null : serviceNetworkStruct.decode(value, context)),
    merge: mergeServiceNetwork,
    print: (value) => (value === null ? null : serviceNetworkStruct.print(value)),
  },
  mergeServiceNetwork,
);

function mergeServiceNetwork(base: ServiceNetwork | null, override: ServiceNetwork | null): ServiceNetwork | null {
  if (base === null || override === null) return base ?? override;
  const { aliases: _replaced, ...kept } = base;
  const { aliases, driver_opts: _first, ...rest } = override;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value));
  return { ...kept, ...(aliases ? { aliases } : {}), ...given };
}

const serviceNetworks: Kind<Map<string, ServiceNetwork | null>> = {
  ...serviceNetworkMap,
  decode(value, context) {
    if (value.kind !== 'list') return serviceNetworkMap.decode(value, context);
    return new Map((strings.decode(value, context) ?? []).map((name) => [name, null]));
  },
};

/** One number for both limits, or both. */
export type Ulimit = { single: bigint } | { soft?: bigint; hard?: bigint };

const ulimitPair = struct({ soft: signed, hard: signed }, { keepEmpty: true });

const ulimits = mapOf<Ulimit>(
  {
    decode(value, context) {
      if (value.kind === 'int') return value.value === 0n ? {} : { single: value.value };
      return value.kind === 'map' ? ulimitPair.decode(value, context) : wrongKind(value, context, 'a whole number, or a mapping with soft and hard');
    },
    merge: replace,
    print: (value) => ('single' in value ? { raw: String(value.single) } : ulimitPair.print(value)),
  },
  replace,
);

export const serviceFields = {
  build: buildOrContext,
  cap_add: strings,
  cap_drop: strings,
  cgroupns_mode: text,
  cgroup_parent: text,
  command: shellCommand,
  configs: fileReferences,
  container_name: text,
  credential_spec: struct({ config: text, file: text, registry: text }),
  depends_on: dependencies,
  deploy,
  devices: strings,
  dns: stringOrList,
  dns_search: stringOrList,
  domainname: text,
  entrypoint: shellCommand,
  environment,
  env_file: envFiles,
  expose: stringOrNumberList,
  external_links: strings,
  extra_hosts: extraHosts,
  hostname: text,
  healthcheck,
  image: text,
  init: optionalFlag,
  ipc: text,
  isolation: text,
  labels,
  links: strings,
  logging,
  mac_address: text,
  network_mode: text,
  networks: serviceNetworks,
  oom_score_adj: unprinted(signed),
  pid: text,
  ports,
  privileged: flag,
  read_only: flag,
  restart: text,
  secrets: fileReferences,
  security_opt: strings,
  shm_size: text,
  stdin_open: flag,
  stop_grace_period: optionalDuration,
  stop_signal: text,
  sysctls: labels,
  tmpfs: stringOrList,
  tty: flag,
  ulimits,
  user: text,
  userns_mode: text,
  volumes: mounts,
  working_dir: text,
  ...specFields,
};
