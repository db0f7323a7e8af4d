import { listOf } from '../fields/collections.js';
import { struct } from '../fields/kind.js';
import { stringOrList, stringOrNumberList, strings } from '../fields/lists.js';
import { labels } from '../fields/mappings.js';
import { byteLimit, byteSize, flag, integerOrText, optionalFlag, text, textOrNumber } from '../fields/scalars.js';

/* The keys that only the Compose Specification has, printed after the others. */

const weightedDevices = listOf(struct({ path: text, weight: integerOrText }));
const byteRates = listOf(struct({ path: text, rate: byteSize }));
const operationRates = listOf(struct({ path: text, rate: integerOrText }));

const blockIo = struct({
  weight: integerOrText,
  weight_device: weightedDevices,
  device_read_bps: byteRates,
  device_read_iops: operationRates,
  device_write_bps: byteRates,
  device_write_iops: operationRates,
});

export const deviceReservations = listOf(struct({ capabilities: strings, driver: text, count: textOrNumber, device_ids: strings, options: labels }));

/** Below `deploy`, Shoal's own: how connections to the service are spread, and who may make them. */
export const deployTraffic = { 'x-locality': text, 'x-affinity': text, 'x-weight': text, 'x-allow': strings };

/** Where its tasks run, and how many there are; the second below `deploy.placement`. */
export const deployPlacement = { 'x-priority': integerOrText, 'x-autoscale': struct({ min: integerOrText, max: integerOrText, cpu: textOrNumber, memory: textOrNumber, cooldown: text }) };
export const placementSpec = { 'x-affinity': strings, 'x-anti-affinity': strings, 'x-strategy': text, 'x-rebalance': optionalFlag, 'x-volumes': text };

/** How it is updated and drained, and when it runs; the second below `deploy.update_config`. */
export const deployUpdates = { 'x-drain-delay': text, 'x-cron': struct({ schedule: text, timezone: text, concurrency: text, deadline: text, history: integerOrText }) };
export const updateSpec = { 'x-progress-deadline': text, 'x-canary': textOrNumber };

export const specFields = {
  blkio_config: blockIo,
  cgroup: text,
  cpu_period: textOrNumber,
  cpu_quota: textOrNumber,
  cpu_shares: integerOrText,
  cpus: textOrNumber,
  cpuset: text,
  device_cgroup_rules: strings,
  dns_opt: stringOrList,
  group_add: stringOrNumberList,
  mem_limit: byteLimit,
  mem_reservation: byteSize,
  mem_swappiness: integerOrText,
  memswap_limit: byteLimit,
  oom_kill_disable: flag,
  pids_limit: integerOrText,
  profiles: strings,
  runtime: text,
  storage_opt: labels,
  uts: text,
};
