import type { ContainerSpec, DeviceRate, ResourceLimits } from '../../../../../libs/model/src/index.js';
import type { Json } from '../json-output.js';

/** Docker's HostConfig members about devices, filters and resources. */
export function hostOptionsTo(spec: ContainerSpec | undefined, limits: ResourceLimits): Json {
  const { blockIo } = limits;
  return {
    CgroupParent: spec?.cgroupParent ?? '',
    Devices: spec?.devices?.map(({ hostPath, containerPath, permissions }) => ({ PathOnHost: hostPath, PathInContainer: containerPath, CgroupPermissions: permissions })) ?? [],
    DeviceCgroupRules: spec?.deviceCgroupRules ?? null,
    SecurityOpt: securityTexts(spec),
    Memory: limits.memoryBytes ?? 0,
    MemorySwap: limits.memorySwapBytes ?? 0,
    MemoryReservation: limits.memoryReservationBytes ?? 0,
    MemorySwappiness: limits.memorySwappiness ?? null,
    OomKillDisable: limits.oomKillDisable ?? null,
    NanoCpus: limits.nanoCpus ?? 0,
    CpuShares: limits.cpuShares ?? 0,
    CpuPeriod: limits.cpuPeriodUs ?? 0,
    CpuQuota: limits.cpuQuotaUs ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    PidsLimit: limits.pids ?? null,
    BlkioWeight: blockIo?.weight ?? 0,
    BlkioWeightDevice: blockIo?.weightDevices?.map(({ path, weight }) => ({ Path: path, Weight: weight })) ?? [],
    BlkioDeviceReadBps: ratesTo(blockIo?.readBytesPerSecond),
    BlkioDeviceWriteBps: ratesTo(blockIo?.writeBytesPerSecond),
    BlkioDeviceReadIOps: ratesTo(blockIo?.readsPerSecond),
    BlkioDeviceWriteIOps: ratesTo(blockIo?.writesPerSecond),
  };
}

function ratesTo(rates: readonly DeviceRate[] = []): Json[] {
  return rates.map(({ path, rate }) => ({ Path: path, Rate: rate }));
}

/** As `--security-opt` takes them. */
function securityTexts(spec: ContainerSpec | undefined): string[] | null {
  const { seccomp, apparmor, label, systemPaths } = spec?.securityOptions ?? {};
  const { disable, ...parts } = label ?? {};
  const texts = [
    ...(spec?.privileges?.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(seccomp ? [`seccomp=${seccomp.kind === 'profile' ? seccomp.text : seccomp.kind}`] : []),
    ...(apparmor ? [`apparmor=${apparmor}`] : []),
    ...(disable ? ['label=disable'] : []),
    ...Object.entries(parts).map(([part, value]) => `label=${part}:${value}`),
    ...(systemPaths ? [`systempaths=${systemPaths}`] : []),
  ];
  return texts.length > 0 ? texts : null;
}
