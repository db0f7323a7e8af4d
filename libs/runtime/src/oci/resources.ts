import { Refused } from '../../../base/src/index.js';
import type { CgroupResources, DeviceRule } from '../cgroup/resources.js';
import type { OciResources } from './spec.js';

/** `linux.resources` in our words; what is absent stays absent. */
export function convertResources(resources: OciResources): CgroupResources {
  const { cpu, memory, pids, blockIO, hugepageLimits, network, rdma, unified } = resources;
  return defined({
    cpu: cpu && defined({
      shares: nonZero(cpu.shares), quotaUs: nonZero(cpu.quota), periodUs: nonZero(cpu.period), burstUs: cpu.burst,
      realtimeRuntimeUs: nonZero(cpu.realtimeRuntime), realtimePeriodUs: nonZero(cpu.realtimePeriod), cpus: cpu.cpus || undefined, mems: cpu.mems || undefined,
      idle: cpu.idle === undefined ? undefined : cpu.idle !== 0,
    }),
    memory: memory && defined({
      limitBytes: nonZero(memory.limit), reservationBytes: nonZero(memory.reservation), swapBytes: nonZero(memory.swap),
      swappiness: memory.swappiness, disableOomKiller: memory.disableOOMKiller, checkBeforeUpdate: memory.checkBeforeUpdate,
    }),
    pids: pids?.limit ? { limit: pids.limit } : undefined,
    blockIo: blockIO && defined({
      weight: nonZero(blockIO.weight), leafWeight: nonZero(blockIO.leafWeight), weightDevices: blockIO.weightDevice,
      readBytesPerSecond: blockIO.throttleReadBpsDevice, writeBytesPerSecond: blockIO.throttleWriteBpsDevice,
      readsPerSecond: blockIO.throttleReadIOPSDevice, writesPerSecond: blockIO.throttleWriteIOPSDevice,
    }),
    hugepages: hugepageLimits?.map(({ pageSize, limit }) => ({ pageSize, limitBytes: limit })),
    network: network && defined({ classId: network.classID, priorities: network.priorities }),
    rdma: rdma && Object.fromEntries(Object.entries(rdma).map(([name, { hcaHandles, hcaObjects }]) => [name, defined({ handles: hcaHandles, objects: hcaObjects })])),
    unified: unified && checkUnified(unified),
    devices: resources.devices && [...resources.devices.map(convertDeviceRule), ...alwaysAllowed],
  });
}

/** What a container needs to have a terminal and the usual nodes, whatever the caller lists (runc's and crun's list). */
const alwaysAllowed: readonly DeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[[1, 3], [1, 8], [1, 7], [5, 0], [1, 5], [1, 9], [5, 2], [10, 200]].map(([major, minor]): DeviceRule => ({ allow: true, type: 'c', major: major!, minor: minor!, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

function convertDeviceRule({ allow, type, major, minor, access }: NonNullable<OciResources['devices']>[number]): DeviceRule {
  const kind = type || 'a';
  if (kind !== 'a' && kind !== 'b' && kind !== 'c') throw new Refused('invalid', `invalid device type "${type}" in linux.resources.devices: a, b or c`);
  const any = (number: number | undefined) => (number === undefined || number < 0 ? undefined : number);
  return defined({ allow, type: kind, major: any(major), minor: any(minor), access: access || 'rwm' });
}

/** A file name, nothing that leads out of the group. */
function checkUnified(unified: Record<string, string>): Record<string, string> {
  for (const name of Object.keys(unified)) {
    if (name === '' || name.includes('/') || name === '.' || name === '..') throw new Refused('invalid', `unified resource "${name}" must be a file name (no slashes)`);
  }
  return unified;
}

/** OCI's numbers that are 0 mean "not given". */
function nonZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
