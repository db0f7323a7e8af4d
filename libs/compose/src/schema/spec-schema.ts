import { dependencyConditions } from '../../../model/src/index.js';
import type { Field, Shape } from './shape.js';
import { boolean, duration, envOrLabels, field, integer, list, oneOf, options, strictMap, string, stringOrList, strings } from './shapes.js';

/*
 * Keys that the Compose Specification has and Docker's file format version 3 has not. `docker stack` refuses them; they are
 * known here whatever version a file names, because what they ask for can be run.
 */

const numberOrText: Shape = { scalars: { kinds: ['number', 'string'] } };
const integerOrText: Shape = { scalars: { kinds: ['integer', 'string'] } };

const weightedDevice = strictMap({ path: field(string), weight: field(integerOrText) }, ['path', 'weight']);
const throttledDevice = strictMap({ path: field(string), rate: field(integerOrText) }, ['path', 'rate']);

const blockIo = strictMap({
  weight: field(integerOrText),
  weight_device: field(list(weightedDevice)),
  device_read_bps: field(list(throttledDevice)),
  device_read_iops: field(list(throttledDevice)),
  device_write_bps: field(list(throttledDevice)),
  device_write_iops: field(list(throttledDevice)),
});

const namesOrNumbers: Shape = list({ scalars: { kinds: ['string', 'number'] } }, true);

const dependency = strictMap({ condition: field(oneOf(...dependencyConditions)), restart: field(boolean), required: field(boolean) }, ['condition']);

/** A list of services, or what is waited for of each. */
export const dependencies: Shape = { ...strings, map: { fields: {}, patterns: [{ keys: /^[a-zA-Z0-9._-]+$/, shape: dependency }] } };

const envFile: Shape = { ...string, ...strictMap({ path: field(string), required: field(boolean), format: field(oneOf('raw')) }, ['path']) };

export const envFiles: Shape = { ...string, ...list(envFile, true) };

/** Services and files whose keys are merged in before anything else is done. */
const base: Shape = { ...string, ...strictMap({ service: field(string), file: field(string) }, ['service']) };

const included: Shape = { ...string, ...strictMap({ path: field(stringOrList), project_directory: field(string), env_file: field(stringOrList) }, ['path']) };

/** Of a whole file. */
export const fileSpecFields: Record<string, Field> = { name: field(string), include: field(list(included)) };

/** Of a secret and of a config. */
export const secretSpecFields: Record<string, Field> = { environment: field(string) };
export const configSpecFields: Record<string, Field> = { environment: field(string), content: field(string) };

export const specFields: Record<string, Field> = {
  blkio_config: field(blockIo),
  cgroup: field(oneOf('host', 'private')),
  cpu_period: field(numberOrText),
  cpu_quota: field(numberOrText),
  cpu_shares: field(numberOrText),
  cpus: field(numberOrText),
  cpuset: field(string),
  device_cgroup_rules: field(strings),
  dns_opt: field(stringOrList),
  extends: field(base),
  group_add: field(namesOrNumbers),
  mem_limit: field(numberOrText),
  mem_reservation: field(numberOrText),
  mem_swappiness: field(integerOrText),
  memswap_limit: field(numberOrText),
  oom_kill_disable: field(boolean),
  pids_limit: field(numberOrText),
  profiles: field(strings),
  runtime: field(string),
  storage_opt: field(envOrLabels),
  uts: field(string),
};

/** Below `deploy.resources.reservations`. */
export const deviceReservations: Shape = list(
  strictMap(
    {
      capabilities: field(strings),
      driver: field(string),
      count: field(integerOrText),
      device_ids: field(strings),
      options: field(envOrLabels),
    },
    ['capabilities'],
  ),
);

/** Of a published port; `x-…` are Shoal's own. */
export const portSpecFields: Record<string, Field> = {
  host_ip: field(string),
  'x-locality': field(string),
  'x-affinity': field(string),
  'x-allow-from': field(strings),
  'x-masquerade': field(boolean),
};

/** Below `deploy`, Shoal's own. */
export const deployTrafficFields: Record<string, Field> = {
  'x-locality': field(string),
  'x-affinity': field(string),
  'x-weight': field(string),
  'x-allow': field(strings),
};

/** Below `deploy`, and below its `placement`: Shoal's own. */
export const deployPlacementFields: Record<string, Field> = {
  'x-priority': field(integer),
  'x-autoscale': field(strictMap({ min: field(integer), max: field(integer), cpu: field(integerOrText), memory: field(integerOrText), cooldown: field(string) })),
};
export const placementSpecFields: Record<string, Field> = {
  'x-affinity': field(strings),
  'x-anti-affinity': field(strings),
  'x-strategy': field(string),
  'x-rebalance': field(boolean),
  'x-volumes': field(string),
};

export const deployUpdateFields: Record<string, Field> = {
  'x-drain-delay': field(duration),
  'x-cron': field(strictMap({ schedule: field(string), timezone: field(string), concurrency: field(oneOf('forbid', 'replace', 'allow')), deadline: field(duration), history: field(integer) }, ['schedule'])),
};
/** Below `deploy.update_config`. */
export const updateSpecFields: Record<string, Field> = {
  'x-progress-deadline': field(string),
  'x-canary': field(integerOrText),
};

/** Of a network. */
export const networkSpecFields: Record<string, Field> = {
  enable_ipv4: field(boolean),
  enable_ipv6: field(boolean),
  'x-default-deny': field(boolean),
};

/** Of `ipam`, and of one of its subnets. */
export const ipamSpecFields: Record<string, Field> = { options: field(options) };
export const subnetSpecFields: Record<string, Field> = { ip_range: field(string), gateway: field(string), aux_addresses: field(options) };

/** How a service is attached to a network. */
export const attachmentSpecFields: Record<string, Field> = {
  mac_address: field(string),
  priority: field(integer),
  gw_priority: field(integer),
};
